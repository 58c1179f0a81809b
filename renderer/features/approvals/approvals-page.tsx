import { useId } from 'react';
import { callWords } from '../../../electron/shared/tray-model.ts';
import type { ApprovalView } from '../../../electron/shared/views.ts';
import { Empty } from '../../components/empty.tsx';
import { Failure } from '../../components/failure.tsx';
import { Outside } from '../../components/outside.tsx';
import { Page } from '../../components/page.tsx';
import { formatCountdown } from '../../format.ts';
import { linkTo } from '../../navigation.ts';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';
import { AnsweredList } from './answered-list.tsx';
import { RememberedList } from './remembered-list.tsx';
import { WeeklyReview } from './weekly-review.tsx';

/** The queue, what is remembered, and what was answered. */
export function ApprovalsPage({ onReview }: { onReview(id: string): void }) {
  const { approvals, remembered } = useAppState();
  const queue = useId();
  const kept = useId();
  const history = useId();
  return (
    <Page
      title={texts.approvals.title}
      actions={
        <>
          <a className="button" href={linkTo('review')}>
            {texts.proposals.open}
          </a>
          <a className="button" href={linkTo('rules')}>
            {texts.rules.open}
          </a>
        </>
      }
    >
      <section aria-labelledby={queue}>
        <h2 id={queue}>{texts.approvals.queue}</h2>
        {approvals.length === 0 ? (
          <Empty title={texts.approvals.emptyTitle} text={texts.approvals.empty} />
        ) : (
          <ul className="rows">
            {approvals.map((approval) => (
              <QueueRow key={approval.id} approval={approval} onReview={onReview} />
            ))}
          </ul>
        )}
      </section>
      <section aria-labelledby={kept}>
        <h2 id={kept}>{texts.approvals.remembered}</h2>
        <RememberedList remembered={remembered} />
      </section>
      <section aria-labelledby={history}>
        <h2 id={history}>{texts.approvals.history}</h2>
        <AnsweredList />
      </section>
      <WeeklyReview />
    </Page>
  );
}

function QueueRow({ approval, onReview }: { approval: ApprovalView; onReview(id: string): void }) {
  const { bridge } = useServices();
  const { presence } = useAppState();
  const now = useNow();
  const deny = useAction(() =>
    bridge.request('approvals.answer', { id: approval.id, digest: approval.digest, answer: 'deny' }),
  );
  return (
    <li className="row">
      <div className="row-main">
        <p>
          <strong>
            <Outside text={approval.agent.name} max={60} />
          </strong>{' '}
          {texts.prompt.wants} <Outside text={callWords(approval, presence.presenting)} max={160} />{' '}
          {approval.count > 1 && <span className="faint">{texts.prompt.and(approval.count - 1)}</span>}
        </p>
        <p className="faint">
          <span className="mono">
            {approval.server} · <Outside text={approval.tool} max={80} />
          </span>{' '}
          · {texts.prompt.counts(formatCountdown(Date.parse(approval.expiresAt) - now))}
        </p>
        <Failure error={deny.error} />
      </div>
      <div className="row-actions">
        <button type="button" className="button" disabled={deny.pending} onClick={() => deny.start()}>
          {texts.approvals.deny}
        </button>
        <button type="button" className="button primary" onClick={() => onReview(approval.id)}>
          {texts.approvals.review}
        </button>
      </div>
    </li>
  );
}
