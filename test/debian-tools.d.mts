export function provideTool(name: 'pebble' | 'pebble-challtestsrv' | 'sshd' | 'ssh'): string | undefined;
