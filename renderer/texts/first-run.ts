import { counted } from './counted.ts';

/** Texts of the first run. */
export const firstRunTexts = {
  start: {
    title: 'From nothing to a first call',
    tryTitle: 'Try it',
    tryText:
      'Shares the sample notebook, which reads and writes one scratch folder, and lets a program of its own call it once, by the same door that an agent would use. Only this machine can reach it.',
    tryDo: 'Try it',
    again: 'Once more',
    running: 'Starting the sample server, then the program that calls it…',
    hops: 'The road of that call',
    hopNames: {
      agent: 'Another process',
      edge: 'The edge',
      'inner-tls': 'TLS ends on this machine',
      oauth: 'Who is it?',
      policy: 'May it?',
      server: 'The server',
      tunnel: 'The tunnel',
      gateway: 'The gateway',
      approval: 'You',
      app: 'Sallyport',
    },
    after: (took: string) => `after ${took}`,
    reached: (hop: string) => `${hop} reached`,
    done: (tool: string) => `${tool} ran, and the answer went back the same way.`,
    row: 'Open its row in Requests',
    edge: 'Show me what the edge saw',
    edgeHide: 'Hide what the edge saw',
    edgeName: 'Name',
    edgeTime: 'Time',
    edgeSize: 'Size',
    edgeSizes: (up: string, down: string, connections: number) =>
      `${up} to this machine, ${down} back, over ${counted(connections, 'connection', 'connections')}`,
    edgeBytes: 'Bytes as they passed',
    edgeWords: 'That is all: no tool, no arguments, no result, no token. The edge has no key.',
    ownTitle: 'Share one of yours',
    ownText: 'A program that offers tools on this machine. You choose which of its tools get out.',
    ownShared: (name: string) => `${name} is shared.`,
    ownAdd: 'Add a server',
    whoTitle: 'Who shall reach it?',
    who: {
      local: {
        title: 'Only programs on this machine',
        needs: 'Works now',
        text: 'Claude Code, Cursor, VS Code and scripts here. Nothing outside can connect.',
        do: 'Make a token',
      },
      name: {
        title: 'Claude or any agent, through a name that you have',
        needs: 'About 5 minutes',
        text: 'Your own edge on a server, Tailscale Funnel, or any raw TCP forward. The middle cannot read.',
        do: 'Choose the way in',
      },
      anthropic: {
        title: 'Claude, through Anthropic’s tunnel',
        needs: 'Needs access to the preview',
        text: 'Anthropic’s edge carries the bytes and cannot read them. You need a tunnel token from them.',
        do: 'See the ways in',
      },
      openai: {
        title: 'ChatGPT, through OpenAI’s tunnel',
        needs: 'Needs an organisation key',
        text: 'This middle can read: OpenAI ends the connection, so it sees tools, arguments and results.',
        do: 'See the ways in',
      },
    },
  },
} as const;
