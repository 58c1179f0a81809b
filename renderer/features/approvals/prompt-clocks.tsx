import type { ApprovalView } from '../../../electron/shared/views.ts';
import { formatCountdown } from '../../format.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';

/** The two clocks of a prompt: until the agent is told to ask again, and until the answer counts no more. */
export function PromptClocks({ approval, agent, waiting }: { approval: ApprovalView; agent: string; waiting: number }) {
  const now = useNow();
  const deadline = approval.deadlineAt === undefined ? undefined : Date.parse(approval.deadlineAt) - now;
  const facts: string[] = [];
  if (deadline !== undefined && deadline > 0) facts.push(texts.prompt.waits(agent, formatCountdown(deadline)));
  else facts.push(texts.prompt.toldToAsk(agent));
  facts.push(texts.prompt.counts(formatCountdown(Date.parse(approval.expiresAt) - now)));
  if (waiting > 0) facts.push(texts.prompt.moreWaiting(waiting));
  return (
    <p className="prompt-clocks" role="timer" aria-live="off">
      {facts.join(' · ')}
    </p>
  );
}
