import { createInterface } from 'node:readline';
import type { ContractClient, EventPayload } from '../shared/contract.ts';
import { asSallyportError } from '../shared/errors.ts';
import type { ApprovalView } from '../shared/views.ts';
import { describeApproval } from './approval-words.ts';
import type { CliIo } from './io.ts';
import { shown } from './output.ts';

/** A line typed earlier than this after a prompt was shown was meant for something else. Milliseconds. */
const armedAfter = 400;
const question = 'allow, deny, deny REASON, or later? ';

/**
 * Prompts in a terminal (`ui.md`, The prompt): one at a time, answered by a whole word, with the digest that was shown. What
 * was answered elsewhere, or changed, says so and makes way for the next. No single letter and no empty line answers.
 * @returns stops asking
 */
export function promptInTerminal(io: CliIo, client: ContractClient, now: () => number): () => void {
  const queue: ApprovalView[] = [];
  const put = new Set<string>();
  let current: ApprovalView | undefined;
  let shownAt = 0;

  const show = (approval: ApprovalView): void => {
    current = approval;
    shownAt = now();
    const others = queue.filter((each) => each !== approval).length;
    io.stdout(`\n${describeApproval(approval)}\n${others > 0 ? `  ${others} more waiting\n` : ''}${question}`);
  };
  const next = (): void => {
    current = undefined;
    const first = queue.find((each) => !put.has(each.id));
    if (first) show(first);
    else
      io.stdout(
        queue.length === 0 ? '\nNothing waits for an answer.\n' : '\nThe others wait: sallyport approvals list\n',
      );
  };
  const remove = (id: string): void => {
    const at = queue.findIndex((each) => each.id === id);
    if (at >= 0) queue.splice(at, 1);
  };
  const onEvent = ({ type, approval, by, answer }: EventPayload<'approvals'>): void => {
    const at = queue.findIndex((each) => each.id === approval.id);
    if (type === 'closed') {
      remove(approval.id);
      if (current?.id !== approval.id) return;
      io.stdout(`\nAnswered elsewhere: ${answer ?? 'ended'}${by === undefined ? '' : ` by ${shown(by)}`}.\n`);
      next();
      return;
    }
    if (at >= 0) queue[at] = approval;
    else queue.push(approval);
    if (current === undefined && at < 0) show(approval);
    else if (current?.id === approval.id && current.digest !== approval.digest) {
      io.stdout('\nWhat it asks has changed. Read it again.\n');
      show(approval);
    } else if (current?.id === approval.id) current = approval;
  };
  const send = async (approval: ApprovalView, answer: 'allow' | 'deny', reason: string): Promise<void> => {
    // Its own end is not news: it is taken out of the queue before the answer comes back as an event.
    remove(approval.id);
    current = undefined;
    try {
      await client.request('approvals.answer', {
        id: approval.id,
        digest: approval.digest,
        answer,
        ...(reason === '' ? {} : { reason }),
      });
      io.stdout(answer === 'allow' ? 'Allowed once.\n' : 'Denied.\n');
    } catch (thrown) {
      const { message, hint } = asSallyportError(thrown);
      io.stdout(`Not answered: ${shown(message)}${hint === undefined ? '' : ` ${shown(hint)}`}\n`);
    }
    if (current === undefined) next();
  };
  const onLine = (line: string): void => {
    if (!current) return;
    if (now() - shownAt < armedAfter) {
      io.stdout(`That came before you could have read this. ${question}`);
      return;
    }
    const [word = '', ...rest] = line.trim().split(/\s+/);
    if (word === 'allow' && rest.length === 0) void send(current, 'allow', '');
    else if (word === 'deny') void send(current, 'deny', rest.join(' '));
    else if (word === 'later' && rest.length === 0) {
      put.add(current.id);
      next();
    } else io.stdout(question);
  };

  const lines = createInterface({ input: io.stdin, terminal: false });
  lines.on('line', onLine);
  const unsubscribe = client.subscribe('approvals', onEvent);
  void client.request('approvals.list', {}).then(({ approvals }) => {
    for (const approval of approvals) if (!queue.some((each) => each.id === approval.id)) queue.push(approval);
    if (current === undefined) next();
  });
  return () => {
    unsubscribe();
    lines.close();
  };
}
