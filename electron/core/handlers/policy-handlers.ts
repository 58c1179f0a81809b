import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { LogRow } from '../../shared/views.ts';
import type { Handlers } from '../fronts/dispatcher.ts';
import type { Policy } from '../policy/policy.ts';
import { proposeRules } from '../policy/propose-rules.ts';
import { prepareRules } from '../policy/rule-book.ts';
import { readRules } from '../policy/rules-document.ts';
import { withRules } from '../policy/rules-edit.ts';
import type { RulesFile } from '../policy/rules-file.ts';
import type { RequestLog } from '../request-log/request-log.ts';

const proposedDays = 30;
/** Recorded calls that are looked at for proposals. */
const mostRecorded = 20_000;

/** What the requests on rules need. */
export interface PolicyHandlerDeps {
  readonly policy: Policy;
  readonly rulesFile: RulesFile;
  readonly log: Pick<RequestLog, 'note' | 'list'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** Requests on the rules file. */
export function createPolicyHandlers(
  deps: PolicyHandlerDeps,
): Pick<Handlers, 'policy.show' | 'policy.set' | 'policy.propose' | 'policy.adopt'> {
  const { policy, rulesFile, log } = deps;
  /** The newest recorded calls of the last days, newest first. */
  const recorded = async (days: number): Promise<readonly LogRow[]> => {
    const since = new Date(deps.clock.now() - days * 86_400_000).toISOString();
    const rows: LogRow[] = [];
    let before: number | undefined;
    while (rows.length < mostRecorded) {
      const page = log.list({ limit: 1_000, since, ...(before === undefined ? {} : { before }) });
      rows.push(...page.rows);
      if (page.next === undefined || page.rows.length === 0) break;
      before = page.next;
      // A page takes some milliseconds: calls go first.
      await setImmediate();
    }
    return rows;
  };
  const proposed = async (days: number) =>
    proposeRules(await recorded(days), new Set(policy.rules().rules.map(({ id }) => id)));
  return {
    'policy.show': async () => ({
      path: rulesFile.path,
      text: rulesFile.text(),
      rules: policy.rules().rules.length,
    }),
    'policy.propose': async ({ days }) => ({
      proposals: (await proposed(days ?? proposedDays)).map(({ rule: _rule, ...shown }) => shown),
    }),
    'policy.adopt': async ({ ids, days }, { front }) => {
      const found = await proposed(days ?? proposedDays);
      const rules = ids.map((id) => {
        const one = found.find((proposal) => proposal.id === id);
        if (one) return one.rule;
        throw new SallyportError('proposal_not_found', 'policy', `No rule is proposed under the id ${id}.`, {
          hint: 'See sallyport policy propose',
        });
      });
      const text = withRules(rulesFile.text(), rules);
      const document = readRules(text, 'rules.yaml');
      await prepareRules(document);
      rulesFile.write(text);
      policy.setRules(document);
      log.note({ kind: 'authority', message: `Proposed rules are in force: ${ids.join(', ')}.`, by: front });
      return { path: rulesFile.path, rules: document.rules.length };
    },
    'policy.set': async ({ text, name }, { front }) => {
      const document = readRules(text, name ?? 'rules.yaml');
      await prepareRules(document);
      // Stored first: what is in force is what a restart finds.
      rulesFile.write(text);
      policy.setRules(document);
      deps.log.note({ kind: 'authority', message: `Other rules are in force: ${document.rules.length}.`, by: front });
      return { path: rulesFile.path, rules: document.rules.length };
    },
  };
}
