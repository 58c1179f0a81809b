import type { RequestInput } from '../../../electron/shared/contract.ts';
import { awayWords } from '../../../electron/shared/presence-words.ts';
import { Failure } from '../../components/failure.tsx';
import { formatShortClock } from '../../format.ts';
import { linkTo } from '../../navigation.ts';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

/** Above the page while the person is away or presents, and once after the return. */
export function PresenceBanner() {
  const { presence } = useAppState();
  const { bridge } = useServices();
  const set = useAction((change: RequestInput<'presence.set'>) => bridge.request('presence.set', change));
  const words = texts.presence;
  const { away, summary, presenting } = presence;
  if (!away && !summary && !presenting) return null;
  const since = away && formatShortClock(away.at);
  return (
    <div className="notice banner" role="status">
      <div>
        {away && since && (
          <>
            <strong>{away.until ? words.awayUntil(since, formatShortClock(away.until)) : words.away(since)}</strong>{' '}
            {words.awayMeans}
          </>
        )}
        {!away && summary && <strong>{awayWords(summary)}</strong>}
        {!away && !summary && (
          <>
            <strong>{words.presenting}</strong> {words.presentingMeans}
          </>
        )}
        <Failure error={set.error} />
      </div>
      <div className="row-actions">
        {away && (
          <button type="button" className="button" disabled={set.pending} onClick={() => set.start({ back: true })}>
            {words.back}
          </button>
        )}
        {!away && summary && (
          <>
            {summary.waiting > 0 && (
              <a className="button" href={linkTo('approvals')}>
                {words.see}
              </a>
            )}
            <button type="button" className="button quiet" onClick={() => set.start({ seen: true })}>
              {words.dismiss}
            </button>
          </>
        )}
        {!away && !summary && (
          <button type="button" className="button" onClick={() => set.start({ presenting: false })}>
            {words.stopPresenting}
          </button>
        )}
      </div>
    </div>
  );
}
