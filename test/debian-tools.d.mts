export function provideTool(name: 'pebble' | 'pebble-challtestsrv' | 'sshd' | 'ssh' | 'bwrap'): string | undefined;
export function providePythonWith(name: string): string | undefined;
