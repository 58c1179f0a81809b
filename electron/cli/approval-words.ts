import type { ApprovalView } from '../shared/views.ts';
import { shown } from './output.ts';

/** A question as a terminal shows it: who, the verb and what on, then why it asks and how to answer. */
export function describeApproval(approval: ApprovalView): string {
  const count = approval.count > 1 ? ` (${approval.count} identical calls)` : '';
  return [
    `${shown(approval.id)}  ${shown(approval.agent.name)} wants to ${shown(approval.summary)}${count}`,
    `  ${approval.server} · ${shown(approval.tool)} · ${approval.class}`,
    `  ${shown(approval.argumentsText, 1_000)}`,
    ...approval.reasons.map((reason) => `  Why: ${shown(reason)}`),
    ...approval.unusual.filter((odd) => !approval.reasons.includes(odd)).map((odd) => `  Unusual: ${shown(odd)}`),
    `  Until ${approval.expiresAt}. Answer: sallyport approvals answer ${shown(approval.id)} allow|deny`,
  ].join('\n');
}
