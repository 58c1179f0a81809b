import { app, Menu, type MenuItemConstructorOptions } from 'electron';

/** The menu of the window: on macOS what every app has there, elsewhere only the keys for editing text. */
export function setAppMenu(): void {
  const edit: MenuItemConstructorOptions = { role: 'editMenu' };
  const window: MenuItemConstructorOptions = { role: 'windowMenu' };
  const template: MenuItemConstructorOptions[] =
    process.platform === 'darwin'
      ? [
          {
            label: app.getName(),
            submenu: [{ role: 'about' }, { type: 'separator' }, { role: 'hide' }, { role: 'quit' }],
          },
          edit,
          window,
        ]
      : [edit, window];
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}
