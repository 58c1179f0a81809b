import { counted } from './counted.ts';

/** Texts of the weekly review. */
export const weekTexts = {
  week: {
    title: 'Weekly review',
    intro: 'What nobody used, what ends soon, and how you answered. Never shown by itself.',
    look: 'Look back',
    loading: 'Looking through the log…',
    young: (days: number) => `The log goes back ${counted(days, 'day', 'days')}: too early to call anything unused.`,
    prompts: (count: number, perDay: string, quick: number) =>
      `You answered ${counted(count, 'prompt', 'prompts')}, ${perDay} a day, ${quick} of them in under a second.`,
    reflex: 'Many quick answers say that these prompts ask for too little. A rule could answer them.',
    rules: 'Rules',
    nothing: 'Nothing to tidy up.',
    remembered: (agent: string, tool: string, days: number) => `${agent} may ${tool}: not used in ${days} days`,
    forget: 'Forget',
    rule: (id: string, days: number) => `Rule ${id}: decided nothing in ${days} days`,
    openRules: 'Open rules',
    agent: (name: string, server: string, days: number) => `${name} has access to ${server}: not seen in ${days} days`,
    revoke: 'Revoke',
    tool: (server: string, tool: string, days: number) => `${server} · ${tool}: on, not called in ${days} days`,
    off: 'Switch off',
    ends: {
      certificate: (on: string) => `The public certificate ends on ${on}`,
      authority: (on: string) => `The certificate authority ends on ${on}`,
    },
    grantEnds: (name: string, server: string, on: string) => `Access of ${name} to ${server} ends on ${on}`,
    openTunnel: 'Open Tunnel',
    openAgents: 'Open Agents',
  },
} as const;
