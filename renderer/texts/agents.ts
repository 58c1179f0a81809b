import { counted } from './counted.ts';

/** Texts of Agents, tokens and consent. */
export const agentsTexts = {
  token: {
    title: (server: string) => `A token for ${server}`,
    name: 'Who is it for?',
    nameHint: 'Shown in every prompt and in the log.',
    namePlaceholder: 'Claude Code on my laptop',
    ttl: 'Good for',
    ttls: { '1d': '1 day', '7d': '7 days', '30d': '30 days', '90d': '90 days' },
    server: 'Server',
    do: 'Make it',
    onceTitle: 'Copy it now',
    once: 'This is the only time that it is shown. Sallyport keeps a hash, not the token.',
    value: 'Token',
    until: (day: string) => `Good until ${day}, for this server only.`,
    done: 'Done',
    noServers: 'Share a server first: a token is for one shared server.',
  },
  agents: {
    title: 'Agents',
    emptyTitle: 'Nobody is let in',
    empty:
      'An agent reaches a shared server with a token of its own. Make one, and give it to the agent that you trust.',
    mint: 'Make a token',
    kinds: { oauth: 'signed in', token: 'token', tunnel: 'let in by OpenAI' },
    notVerified: 'not verified',
    seen: (servers: string, ago: string) => `Came to ${servers}, last ${ago}.`,
    seenHint: 'It holds nothing that could be revoked: to keep it out, use another way in, or ask for tokens.',
    verified: 'the program is who it says',
    calls: (count: number) => `${counted(count, 'call', 'calls')} today`,
    lastUsed: (ago: string) => `last used ${ago}`,
    neverUsed: 'never used',
    expires: (left: string) => left,
    expired: 'expired',
    rename: 'Rename…',
    renameOne: (agent: string) => `Rename ${agent}`,
    renameTitle: 'What do you call it?',
    renameName: 'Name',
    renameHint: 'Shown in every prompt and in the log, in place of its own.',
    renameDo: 'Rename',
    narrow: 'Narrow…',
    narrowTitle: (agent: string, server: string) => `Narrow ${agent} on ${server}`,
    narrowText: 'It counts at once: open connections end, and the agent finds fewer tools when it comes back.',
    narrowTools: 'It keeps',
    narrowReads: 'Only what reads',
    narrowDo: (count: number) => `Keep ${counted(count, 'tool', 'tools')}`,
    revoke: 'Revoke…',
    revokeTitle: (agent: string, server: string) => `Revoke ${agent} on ${server}?`,
    revokeText: 'Its open connections end at once and its token never works again.',
    revokeDo: 'Revoke',
    everyTool: 'every exposed tool',
    reads: 'what reads',
    onlyTools: (tools: string) => `only ${tools}`,
  },
  door: {
    letIn: 'Let an agent in',
    shut: 'Let nobody in any more',
    open: (left: string) => `One new agent may ask for ${left} more. Connect it now; its request appears here.`,
    refused: (count: number) =>
      `${counted(count, 'attempt', 'attempts')} to get in while nobody was being let in. Nothing was shown or stored.`,
    blocked: 'Blocked',
    unblock: 'Let it ask again',
  },
  consent: {
    wants: 'wants to use',
    unverified: 'unverified: the name is its own claim',
    known: 'was let in before',
    unknown: 'new here',
    type: 'Type this into the browser page that waits. Allowing alone releases nothing.',
    typeNow: 'Now type this into the browser page that waits.',
    codeLabel: (code: string) => `Code ${code.split('').join(' ')}`,
    could: 'It could',
    sentence: (tools: readonly { class: 'read' | 'effect' | 'dangerous'; access: string }[]) => {
      const reads = tools.filter((tool) => tool.class === 'read').length;
      const rest = tools.filter((tool) => tool.class !== 'read');
      const ask = rest.filter((tool) => tool.access === 'ask').length;
      const parts = [
        ...(reads > 0 ? [`read (${counted(reads, 'tool', 'tools')})`] : []),
        ...(rest.length > 0
          ? [
              `change things (${counted(rest.length, 'tool', 'tools')}, ${ask === rest.length ? 'each asks you' : `${ask} ask you`})`,
            ]
          : []),
        'nothing else',
      ];
      return parts.join(' · ');
    },
    goes: 'It answers to',
    until: 'Until',
    untilDay: (day: string) => `${day}, or until you revoke it`,
    anyAccount: (name: string) =>
      `The program is ${name}; any account of it can look like this. Allow only if you started it just now.`,
    choose: 'Which tools',
    classes: { read: 'reads', effect: 'changes things', dangerous: 'dangerous' },
    deny: 'Deny',
    block: 'Deny and block',
    chooseTools: 'Choose tools…',
    readsOnly: 'Reads only',
    allow: 'Allow',
    allowChosen: (count: number) => `Allow ${counted(count, 'tool', 'tools')}`,
    waits: (left: string) => `The page waits ${left} more; then it is denied, and the agent may ask again.`,
    waitsForCode: (left: string) => `Allowed. Waiting for the code in the browser, ${left} more.`,
  },
} as const;
