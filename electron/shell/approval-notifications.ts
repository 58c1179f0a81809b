import { Notification, type NotificationAction } from 'electron';
import { callWords } from '../shared/tray-model.ts';
import type { ApprovalView } from '../shared/views.ts';
import { visibleText } from '../shared/visible-text.ts';

/** At most this many notifications stand at once; more prompts are counted in the last one. */
const maxShown = 3;

const actions: NotificationAction[] = [
  { type: 'button', text: 'Deny' },
  { type: 'button', text: 'Review…' },
];

/** Tells of prompts through the system's notifications. */
export interface ApprovalNotifications {
  /** @param presenting others see the screen: who and the verb, no values */
  show(approval: ApprovalView, presenting: boolean): void;
  /** Says one thing in general, instead of what it said like this before. */
  summary(words: string, click: () => void): void;
  /** Takes away what is said of other prompts than these. */
  keep(approvalIds: ReadonlySet<string>): void;
  closeAll(): void;
}

/** See {@link ApprovalNotifications}. @param deps.review opens the prompt; the newest one where several are counted */
export function createApprovalNotifications(deps: {
  readonly review: (approvalId: string) => void;
  readonly deny: (approval: ApprovalView) => void;
}): ApprovalNotifications {
  const shown = new Map<string, Notification>();
  const counted = new Set<string>();
  let summary: Notification | undefined;

  const notify = (title: string, body: string, click: () => void, deny?: () => void): Notification => {
    const notification = new Notification({ title, body, silent: true, ...(deny ? { actions } : {}) });
    notification.on('click', click);
    // The safe answer comes first; allowing needs what the prompt shows, so it is not offered here.
    notification.on('action', ({ actionIndex }) => (deny && actionIndex === 0 ? deny() : click()));
    // A notification that the system refuses is no loss: the prompt is in the window and in the tray too.
    notification.on('failed', () => undefined);
    notification.show();
    return notification;
  };

  const count = (): void => {
    summary?.close();
    const newest = [...counted].at(-1);
    summary = newest
      ? notify(
          'Sallyport',
          `${counted.size} more ${counted.size === 1 ? 'request waits' : 'requests wait'} for you`,
          () => deps.review(newest),
        )
      : undefined;
  };

  return {
    summary(words, click) {
      if (!Notification.isSupported()) return;
      summary?.close();
      summary = notify('Sallyport', words, click);
    },
    show(approval, presenting) {
      if (!Notification.isSupported() || shown.has(approval.id)) return;
      if (shown.size >= maxShown) {
        counted.add(approval.id);
        count();
        return;
      }
      const title = `${visibleText(approval.agent.name, { max: 60 })} wants to ${visibleText(callWords(approval, presenting), { max: 100 })}`;
      const body = [
        `${visibleText(approval.server, { max: 40 })} · ${visibleText(approval.tool, { max: 60 })}`,
        ...(presenting ? [] : approval.reasons).slice(0, 2).map((reason) => visibleText(reason, { max: 120 })),
      ].join('\n');
      shown.set(
        approval.id,
        notify(
          title,
          body,
          () => deps.review(approval.id),
          () => deps.deny(approval),
        ),
      );
    },
    keep(approvalIds) {
      for (const [id, notification] of shown) {
        if (approvalIds.has(id)) continue;
        notification.close();
        shown.delete(id);
      }
      const before = counted.size;
      for (const id of counted) if (!approvalIds.has(id)) counted.delete(id);
      if (counted.size !== before) count();
    },
    closeAll() {
      for (const notification of shown.values()) notification.close();
      shown.clear();
      counted.clear();
      summary?.close();
      summary = undefined;
    },
  };
}
