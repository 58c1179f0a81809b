import { counted } from './counted.ts';

/** Texts of the review of proposed rules. */
export const proposalsTexts = {
  proposals: {
    open: 'Review what you allowed',
    title: 'What you allowed, as rules',
    hint: 'Where you allowed one tool again and again and never denied it, and its calls had something in common, a rule can answer from now on. Nothing changes until you adopt it.',
    days: 'Calls of the last',
    dayNames: { '7': '7 days', '30': '30 days', '90': '90 days' },
    looking: 'Looking at your answers…',
    emptyTitle: 'Nothing to propose yet',
    empty:
      'A rule is proposed after five calls alike that you allowed. Until then reads run and effects ask, and nothing else is needed of you.',
    take: (sentence: string) => `Adopt: ${sentence}`,
    rule: (sentence: string) => `The rule for: ${sentence}`,
    adopt: (count: number) => (count === 0 ? 'Adopt' : `Adopt ${counted(count, 'rule', 'rules')}`),
    adopted: (count: number) => `Adopted. ${counted(count, 'rule is', 'rules are')} in force.`,
    see: 'See the rules file',
  },
} as const;
