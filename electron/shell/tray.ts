import { join } from 'node:path';
import { Menu, type MenuItemConstructorOptions, nativeImage, Tray } from 'electron';
import type { AppState } from '../shared/contract.ts';
import { type TrayAction, type TrayItem, trayModel } from '../shared/tray-model.ts';

/** Draws the tray of a state; all decisions are {@link trayModel}'s. */
export interface AppTray {
  draw(state: AppState): void;
  /** Draws the last state again: a native menu ticks and unticks by itself, whatever became of the click. */
  redraw(): void;
  destroy(): void;
}

/** Puts the tray icon up. @param assetsDir holds `tray/<icon>.png`; on macOS `tray/<icon>Template.png` */
export function createTray(deps: { readonly assetsDir: string; readonly act: (action: TrayAction) => void }): AppTray {
  let tray: Tray | undefined;
  let drawn = '';
  let last: AppState | undefined;

  const draw = (state: AppState): void => {
    last = state;
    // Without a time of its own the model names times, which stay true until the next change of the state.
    const model = trayModel(state);
    const text = JSON.stringify(model);
    if (text === drawn) return;
    drawn = text;
    const image = nativeImage.createFromPath(iconPath(deps.assetsDir, model.icon));
    if (tray) tray.setImage(image);
    else {
      tray = new Tray(image);
      tray.on('click', () => deps.act({ type: 'open' }));
    }
    tray.setToolTip(`Sallyport: ${model.tooltip}`);
    // On macOS the number stands beside the icon; elsewhere the tooltip and the menu say it.
    if (process.platform === 'darwin') tray.setTitle(model.badge ? String(model.badge) : '');
    tray.setContextMenu(Menu.buildFromTemplate(model.items.map((item) => menuItem(item, deps.act))));
  };

  return {
    draw,
    redraw() {
      drawn = '';
      if (last) draw(last);
    },
    destroy() {
      tray?.destroy();
      tray = undefined;
    },
  };
}

function iconPath(assetsDir: string, icon: string): string {
  return join(assetsDir, 'tray', process.platform === 'darwin' ? `${icon}Template.png` : `${icon}.png`);
}

function menuItem(item: TrayItem, act: (action: TrayAction) => void): MenuItemConstructorOptions {
  const { action } = item;
  return {
    id: item.id,
    type: item.type,
    // A single & would underline the letter after it, and vanish.
    label: item.label.replaceAll('&', '&&'),
    enabled: item.enabled,
    ...(item.checked === undefined ? {} : { checked: item.checked }),
    ...(item.items ? { submenu: item.items.map((each) => menuItem(each, act)) } : {}),
    ...(action ? { click: () => act(action) } : {}),
  };
}
