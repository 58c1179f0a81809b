import type { CustomScheme, Protocol } from 'electron';
import { strict } from './strict.ts';

type SchemeHandler = Parameters<Protocol['handle']>[1];

const handlers = new Map<string, SchemeHandler>();
let privileged: readonly CustomScheme[] = [];
let appIsReady = false;

/** `electron.protocol`. */
export const protocol = strict('protocol', {
  registerSchemesAsPrivileged(schemes: CustomScheme[]): void {
    if (appIsReady) throw new Error('protocol.registerSchemesAsPrivileged should be called before app is ready');
    privileged = schemes;
  },
  handle(scheme: string, handler: SchemeHandler): void {
    if (!appIsReady) throw new Error('protocol.handle needs the app to be ready');
    handlers.set(scheme, handler);
  },
} satisfies Pick<Protocol, 'registerSchemesAsPrivileged' | 'handle'>);

/** Who answers for a scheme. Without the privilege `standard` an app page would have no origin, so it is needed here too. */
export function handlerFor(scheme: string): SchemeHandler | undefined {
  const handler = handlers.get(scheme);
  if (handler && !privileged.some((each) => each.scheme === scheme && each.privileges?.standard)) {
    throw new Error(`The scheme ${scheme} was not registered as standard.`);
  }
  return handler;
}

/** From now on it is too late for schemes. */
export function protocolIsReady(): void {
  appIsReady = true;
}
