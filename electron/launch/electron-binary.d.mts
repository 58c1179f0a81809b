/** See electron-binary.mjs. */
export function findElectronPackage(root: string): { folder: string; version: string } | undefined;
/** See electron-binary.mjs. */
export function findElectronBinary(electron: { folder: string }): string | undefined;
