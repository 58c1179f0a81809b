export function provideTool(name: 'pebble' | 'pebble-challtestsrv' | 'sshd' | 'ssh' | 'bwrap'): string | undefined;
