import type { ServerView } from '../../../electron/shared/views.ts';
import { Failure } from '../../components/failure.tsx';
import { Outside } from '../../components/outside.tsx';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';
import { WhatRuns } from './what-runs.tsx';

/** Says that the file an imported server came from names something else now, and lets the person run that instead. */
export function ChangedOrigin({ server }: { server: ServerView }) {
  const { bridge } = useServices();
  const { origin } = server;
  const now = origin?.now;
  const adopt = useAction(async () => {
    if (now) await bridge.request('servers.adopt', { server: server.slug, digest: now.digest });
  });
  const words = texts.found;
  if (origin?.state === 'gone') {
    return (
      <p className="faint">
        <Outside text={words.gone(origin.file)} max={4_200} />
      </p>
    );
  }
  if (!origin || !now) return null;
  return (
    <section className="notice warning stacked" aria-label={words.changed}>
      <h2>{words.changed}</h2>
      <p>
        <Outside text={words.changedText(origin.file)} max={4_400} />
      </p>
      <p className="faint">{words.changedNow}</p>
      <WhatRuns target={now} />
      {now.problem !== undefined && (
        <p>
          <Outside text={`${words.cannot}: ${now.problem}`} max={1_000} />
        </p>
      )}
      <Failure error={adopt.error} />
      <p>
        <button
          type="button"
          className="button"
          disabled={adopt.pending || now.problem !== undefined}
          onClick={() => adopt.start()}
        >
          {words.adopt}
        </button>
      </p>
    </section>
  );
}
