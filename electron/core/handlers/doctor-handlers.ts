import { type Clock, timestamp } from '../../shared/clock.ts';
import { asSallyportError } from '../../shared/errors.ts';
import type { CheckView } from '../../shared/views.ts';
import { bad, type Check } from '../doctor/check.ts';
import { formatReport } from '../doctor/report.ts';
import { failure, plain } from '../doctor/words.ts';
import type { Handlers } from '../fronts/dispatcher.ts';

/** What the doctor's request needs. */
export interface DoctorHandlerDeps {
  readonly clock: Clock;
  readonly version: string;
  /** Begins an examination of this instance. */
  readonly examine: () => AsyncIterable<Check>;
}

/** One examination, for as many fronts as ask. */
interface Examination {
  readonly found: Check[];
  done: boolean;
  /** Settles at the next finding or the end. */
  next: Promise<void>;
}

/** The request on the doctor: one examination at a time, its findings handed out as they come. */
export function createDoctorHandlers(deps: DoctorHandlerDeps): Pick<Handlers, 'doctor.look'> {
  let current: Examination | undefined;

  const begin = (): Examination => {
    let tell = (): void => undefined;
    const renew = (): Promise<void> =>
      new Promise((resolve) => {
        tell = resolve;
      });
    const examination: Examination = { found: [], done: false, next: renew() };
    const told = (): void => {
      const before = tell;
      if (!examination.done) examination.next = renew();
      before();
    };
    const run = async (): Promise<void> => {
      try {
        for await (const check of deps.examine()) {
          examination.found.push(check);
          told();
        }
      } catch (thrown) {
        const error = asSallyportError(thrown, 'app');
        examination.found.push(bad('doctor', error.hop, failure(error), plain(error.hint ?? 'Restart Sallyport.')));
      }
      examination.done = true;
      told();
    };
    void run();
    return examination;
  };

  return {
    'doctor.look': async ({ from }) => {
      if (!current || (from === 0 && current.done)) current = begin();
      const examination = current;
      while (examination.found.length <= from && !examination.done) await examination.next;
      const { found, done } = examination;
      const report = done ? { report: formatReport(found, deps.version, timestamp(deps.clock)) } : {};
      return { checks: found.slice(from).map(viewCheck), done, ...report };
    },
  };
}

function viewCheck({ check, hop, ok, detail, fix }: Check): CheckView {
  return { check, hop, ok, detail: detail.here, ...(fix ? { fix: fix.here } : {}) };
}
