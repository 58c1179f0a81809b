import { EventEmitter } from 'node:events';
import { existsSync } from 'node:fs';
import type { MenuItemConstructorOptions, NativeImage, NotificationConstructorOptions } from 'electron';
import { changed } from './runtime.ts';
import { strict } from './strict.ts';

/** Tray, menus and notifications: nothing is drawn, everything is written down. */

export interface DoubleImage {
  readonly path: string;
  isEmpty(): boolean;
}

/** `electron.nativeImage`. */
export const nativeImage = strict('nativeImage', {
  createFromPath(path: string): DoubleImage {
    return strict('NativeImage', { path, isEmpty: () => !existsSync(path) } satisfies DoubleImage &
      Pick<NativeImage, 'isEmpty'>);
  },
});

/** `electron.Menu`. */
export class DoubleMenu {
  static application: DoubleMenu | undefined;
  readonly template: readonly MenuItemConstructorOptions[];

  constructor(template: readonly MenuItemConstructorOptions[]) {
    this.template = template;
  }

  static buildFromTemplate(template: MenuItemConstructorOptions[]): DoubleMenu {
    return new DoubleMenu(template);
  }

  static setApplicationMenu(menu: DoubleMenu | null): void {
    DoubleMenu.application = menu ?? undefined;
  }

  find(id: string, items = this.template): MenuItemConstructorOptions | undefined {
    for (const item of items) {
      if (item.id === id) return item;
      const inside = Array.isArray(item.submenu) ? this.find(id, item.submenu) : undefined;
      if (inside) return inside;
    }
    return undefined;
  }
}

/** `electron.Tray`. */
export class DoubleTray extends EventEmitter {
  static current: DoubleTray | undefined;
  image: DoubleImage;
  tooltip = '';
  title = '';
  menu: DoubleMenu | undefined;

  constructor(image: DoubleImage) {
    super();
    this.image = image;
    DoubleTray.current = this;
    changed();
    // biome-ignore lint/correctness/noConstructorReturn: the app must not see what Electron's tray does not have
    return strict('Tray', this);
  }

  setImage(image: DoubleImage): void {
    this.image = image;
    changed();
  }

  setToolTip(text: string): void {
    this.tooltip = text;
    changed();
  }

  setTitle(text: string): void {
    this.title = text;
    changed();
  }

  setContextMenu(menu: DoubleMenu | null): void {
    this.menu = menu ?? undefined;
    changed();
  }

  destroy(): void {
    DoubleTray.current = undefined;
    changed();
  }
}

/** `electron.Notification`. */
export class DoubleNotification extends EventEmitter {
  static readonly all: DoubleNotification[] = [];
  readonly options: NotificationConstructorOptions;
  shown = false;

  constructor(options: NotificationConstructorOptions = {}) {
    super();
    this.options = options;
    // biome-ignore lint/correctness/noConstructorReturn: the app must not see what Electron's notification does not have
    return strict('Notification', this);
  }

  static isSupported(): boolean {
    return true;
  }

  show(): void {
    this.shown = true;
    DoubleNotification.all.push(this);
    changed();
  }

  close(): void {
    if (!this.shown) return;
    this.shown = false;
    this.emit('close');
    changed();
  }
}
