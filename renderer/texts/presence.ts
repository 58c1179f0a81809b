/** Texts of being away, presenting, and back. */
export const presenceTexts = {
  presence: {
    away: (since: string) => `You are away since ${since}.`,
    awayUntil: (since: string, until: string) => `You are away since ${since}, until ${until}.`,
    awayMeans: 'Reads go on. What would ask you is told so at once and waits here.',
    back: 'I am back',
    see: 'See what waits',
    dismiss: 'Dismiss',
    presenting: 'You are presenting.',
    presentingMeans: 'Prompts, tray and notifications show who and the verb, no values.',
    stopPresenting: 'Stop presenting',
    hidden: 'Values are hidden while you present.',
    showValues: 'Show them',
    title: 'Not at the desk',
    awayAfter: 'Away after',
    awayAfterHint:
      'With nobody at keyboard and mouse for so long, what would ask is answered at once with “the person is away”. In the app only. Default: 10 minutes.',
    minutes: (count: number) => (count === 0 ? 'Never' : `${count} min`),
    lock: 'A locked screen ends session answers',
    lockHint: 'What you allowed until a session ends is asked again after you unlock. Default: on.',
    sound: 'Sound with a prompt',
    soundHint: 'The system’s tone when something begins to wait for you. In the app only. Default: off.',
    now: 'Now',
    nowHint: 'Also in the tray, and as sallyport away, back and presenting.',
    leave: 'I am away',
    present: 'I am presenting',
  },
} as const;
