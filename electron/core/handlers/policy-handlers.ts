import type { Handlers } from '../fronts/dispatcher.ts';
import type { Policy } from '../policy/policy.ts';
import { prepareRules } from '../policy/rule-book.ts';
import { readRules } from '../policy/rules-document.ts';
import type { RulesFile } from '../policy/rules-file.ts';
import type { RequestLog } from '../request-log/request-log.ts';

/** What the requests on rules need. */
export interface PolicyHandlerDeps {
  readonly policy: Policy;
  readonly rulesFile: RulesFile;
  readonly log: Pick<RequestLog, 'note'>;
}

/** Requests on the rules file. */
export function createPolicyHandlers(deps: PolicyHandlerDeps): Pick<Handlers, 'policy.show' | 'policy.set'> {
  const { policy, rulesFile } = deps;
  return {
    'policy.show': async () => ({
      path: rulesFile.path,
      text: rulesFile.text(),
      rules: policy.rules().rules.length,
    }),
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
