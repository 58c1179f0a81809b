import { useEffect, useState } from 'react';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import { Outside } from '../../components/outside.tsx';
import { formatAgo } from '../../format.ts';
import { useLog, useServices, useSnapshot } from '../../state/services.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';

/** Waits live for an agent's call since the sheet was opened, and says at which hop it stopped. */
export function FirstCall({ slug }: { slug: string }) {
  const progress = useProgress(slug);
  const { rows } = useLog();
  const now = useNow();
  const words = texts.connect;
  const last = rows.findLast((row) => row.kind === 'call' && row.server === slug);
  if (progress?.state === 'stopped') {
    return (
      <p className="first-call" role="status">
        <strong className="warning-text">{words.stopped(words.hops[progress.hop])}</strong>{' '}
        <Outside text={progress.why} max={300} /> {progress.hint}
      </p>
    );
  }
  if (!last) {
    return (
      <p className="faint first-call" role="status">
        {words.waiting}
      </p>
    );
  }
  return (
    <p className="first-call" role="status">
      <Outside
        text={words.called(last.agent?.name ?? '–', last.tool ?? last.method ?? '', formatAgo(last.at, now))}
        max={200}
      />
    </p>
  );
}

function useProgress(slug: string): RequestOutput<'connect.wait'> | undefined {
  const { bridge } = useServices();
  const online = useSnapshot().connection.kind === 'online';
  const [progress, setProgress] = useState<RequestOutput<'connect.wait'>>();
  useEffect(() => {
    if (!online) return;
    let current = true;
    const since = new Date().toISOString();
    const follow = async (): Promise<void> => {
      let seen: string | undefined;
      while (current) {
        const found = await bridge.request('connect.wait', {
          server: slug,
          since,
          ...(seen === undefined ? {} : { seen }),
        });
        if (!current) return;
        if (found.key !== seen) setProgress(found);
        seen = found.key;
      }
    };
    // What went wrong meanwhile is said elsewhere on the page: the server is gone, or nobody answers.
    follow().catch(() => setProgress(undefined));
    return () => {
      current = false;
    };
  }, [bridge, slug, online]);
  return progress;
}
