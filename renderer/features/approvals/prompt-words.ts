import type { ApprovalView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';

/** Verb and target as a screen reader says them first. */
export function promptWords(approval: Pick<ApprovalView, 'verb' | 'target'>): string {
  const { verb, target } = approval;
  return visibleText(target === undefined ? verb : `${verb} ${target}`, { max: 200 });
}
