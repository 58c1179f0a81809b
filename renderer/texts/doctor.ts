import { counted } from './counted.ts';

/** Texts of the doctor's page. */
export const doctorTexts = {
  doctor: {
    title: 'Doctor',
    open: 'Check every hop',
    again: 'Look again',
    looking: (count: number) =>
      count === 0 ? 'Looking at every hop…' : `Looking… ${counted(count, 'check', 'checks')} so far`,
    allWell: (count: number) => `All well: ${counted(count, 'check', 'checks')}, nothing to mend.`,
    wrong: (wrong: number, count: number) =>
      `${counted(wrong, 'thing', 'things')} to mend, of ${counted(count, 'check', 'checks')}.`,
    toMend: 'To mend',
    well: 'Well',
    ok: 'Well:',
    failed: 'To mend:',
    fix: 'Do this:',
    copyReport: 'Copy a report',
    reportHint: 'The report holds no names, addresses, folders or words of servers: it is safe to paste in public.',
    hops: {
      agent: 'agent',
      edge: 'edge',
      tunnel: 'tunnel',
      'inner-tls': 'TLS',
      gateway: 'gateway',
      oauth: 'sign-in',
      policy: 'rules',
      approval: 'prompts',
      server: 'server',
      app: 'this machine',
    },
  },
} as const;
