/** Texts of connecting to Claude through Anthropic's tunnels. */
export const claudeTexts = {
  claude: {
    open: 'Connect to Claude…',
    title: 'Connect to Claude, through Anthropic’s tunnel',
    about: 'Anthropic and its tunnel carry connections without being able to read them. The key stays on this machine.',
    how: 'How the tunnel is set up',
    hows: { paste: 'Paste from the Console', api: 'By Anthropic’s API' },
    domain: 'Tunnel domain',
    domainHint: 'The Console shows it, for instance abcd1234.tunnel.anthropic.com.',
    token: 'Tunnel token',
    tokenHint: 'One long line that begins with eyJ. It is kept sealed on this machine.',
    tokenKept: 'Leave it empty to use the token that is kept here.',
    apiToken: 'API token',
    apiTokenHint: 'With the scope workspace:manage_tunnels; no admin key. Empty: the one that is kept here.',
    apiTunnel: 'Tunnel to attach',
    apiTunnelHint: 'Empty: the tunnel from before, or a new one. Federated tokens (WIF) are given on the command line.',
    mode: 'Who holds the connections',
    modes: {
      cloudflared: 'Your cloudflared, run by Sallyport',
      native: 'Sallyport itself (experimental)',
      listener: 'A cloudflared that you run',
    },
    modeHints: {
      cloudflared:
        'What Anthropic supports. Sallyport downloads nothing: cloudflared 2025.8.0 or later must be on this machine.',
      native:
        'The tunnel’s owner can reach nothing but shared servers. Tested against a stand-in, never the real edge.',
      listener: 'Give it --url http://127.0.0.1:8080.',
    },
    program: 'Path of cloudflared',
    programHint: 'Empty: the one on the PATH.',
    moved: 'Addresses change with the way in: agents that were let in before have to be let in again.',
    do: 'Connect',
    steps: {
      tunnel: 'Tunnel and token',
      authority: 'This machine’s authority, registered with the tunnel',
      connector: 'Connected to the tunnel’s edge',
      servers: 'A server is shared',
      'first-call': 'A request from Claude',
    } as Readonly<Record<string, string>>,
    register: 'Register this certificate with the tunnel in the Console. At most two can be active there.',
    copyCertificate: 'Copy certificate',
    fingerprint: 'Fingerprint (SHA-256)',
    file: 'Saved as',
    copyPath: 'Copy path',
  },
} as const;
