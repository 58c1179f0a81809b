import { EventEmitter } from 'node:events';
import type { OnBeforeRequestListenerDetails, Session } from 'electron';
import { strict } from './strict.ts';

type PermissionRequest = Parameters<Session['setPermissionRequestHandler']>[0];
type PermissionCheck = Parameters<Session['setPermissionCheckHandler']>[0];
type DevicePermission = Parameters<Session['setDevicePermissionHandler']>[0];
type BeforeRequest = (
  details: Pick<OnBeforeRequestListenerDetails, 'url' | 'method' | 'resourceType'>,
  answer: (response: { cancel?: boolean }) => void,
) => void;

/** The one session. Without handlers it lets everything through, as Electron's does: a lock that is missing shows. */
export class DoubleSession extends EventEmitter {
  permissionRequest: PermissionRequest = null;
  permissionCheck: PermissionCheck = null;
  devicePermission: DevicePermission = null;
  private beforeRequest: BeforeRequest | null = null;

  setPermissionRequestHandler(handler: PermissionRequest): void {
    this.permissionRequest = handler;
  }

  setPermissionCheckHandler(handler: PermissionCheck): void {
    this.permissionCheck = handler;
  }

  setDevicePermissionHandler(handler: DevicePermission): void {
    this.devicePermission = handler;
  }

  readonly webRequest = strict('webRequest', {
    onBeforeRequest: (listener: BeforeRequest | null): void => {
      this.beforeRequest = listener;
    },
  });

  /** Whether the app's filter lets a request through. */
  lets(url: string, method: string, resourceType: string): Promise<boolean> {
    const filter = this.beforeRequest;
    if (!filter) return Promise.resolve(true);
    return new Promise((resolve) => {
      filter({ url, method, resourceType: resourceType as OnBeforeRequestListenerDetails['resourceType'] }, (answer) =>
        resolve(answer.cancel !== true),
      );
    });
  }
}

/** See {@link DoubleSession}. */
export const defaultSession = strict('session', new DoubleSession());

/** `electron.session`. */
export const session = strict('session', { defaultSession });
