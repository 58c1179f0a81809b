import { useEffect, useState } from 'react';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import { asSallyportError, type SallyportError } from '../../../electron/shared/errors.ts';
import type { FoundServer } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Failure } from '../../components/failure.tsx';
import { Outside } from '../../components/outside.tsx';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';
import { ReviewFoundDialog } from './review-found-dialog.tsx';

/** *Found on this machine*: servers that other programs use and Sallyport does not know yet. Looking starts nothing. */
export function FoundServers() {
  const { bridge } = useServices();
  const { servers } = useAppState();
  const [looked, setLooked] = useState<RequestOutput<'servers.discover'>>();
  const [scanned, setScanned] = useState<RequestOutput<'servers.scan'>>();
  const [error, setError] = useState<SallyportError>();
  const [reviewing, setReviewing] = useState<FoundServer>();
  const scan = useAction(async () => setScanned(await bridge.request('servers.scan', {})));
  const slugs = servers.map((server) => server.slug).join(' ');
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is known already depends on the servers there are.
  useEffect(() => {
    let current = true;
    bridge.request('servers.discover', {}).then(
      (answer) => {
        if (current) setLooked(answer);
      },
      (thrown: unknown) => {
        if (current) setError(asSallyportError(thrown));
      },
    );
    return () => {
      current = false;
    };
  }, [bridge, slugs]);
  const urls = new Set(servers.map((server) => server.url));
  const found = [...(looked?.found ?? []), ...(scanned?.found ?? []).filter((each) => !urls.has(each.url))].filter(
    (each) => !each.already,
  );
  const words = texts.found;
  return (
    <section aria-label={words.title}>
      <h2>{words.title}</h2>
      <Failure error={error ?? scan.error} />
      {looked === undefined && !error && (
        <p className="faint" role="status">
          {words.looking}
        </p>
      )}
      {found.length > 0 && (
        <ul className="rows">
          {found.map((each) => (
            <FoundRow
              key={`${each.source} ${each.file} ${each.name}`}
              found={each}
              onReview={() => setReviewing(each)}
            />
          ))}
        </ul>
      )}
      {looked?.unreadable.map(({ file, why }) => (
        <p key={file} className="faint">
          <Outside text={words.unreadable(file, why)} max={600} />
        </p>
      ))}
      <p className="found-scan">
        <button type="button" className="button quiet" disabled={scan.pending} onClick={() => scan.start()}>
          {scan.pending ? words.scanning : words.scan}
        </button>
        <span className="faint" role="status">
          {scanned ? (scanned.problem ?? words.scanned(scanned.ports, scanned.found.length)) : words.scanHint}
        </span>
      </p>
      {reviewing && <ReviewFoundDialog found={reviewing} onClose={() => setReviewing(undefined)} />}
    </section>
  );
}

function FoundRow({ found, onReview }: { found: FoundServer; onReview(): void }) {
  const words = texts.found;
  const what = found.kind === 'stdio' ? [found.command ?? '', ...(found.args ?? [])].join(' ') : (found.url ?? '');
  return (
    <li className="row server-row">
      <span className="row-main server-link">
        <span className="server-name mono">{visibleText(found.name, { max: 80 })}</span>
        <span className="server-what clip faint">
          {found.kind} · <Outside text={what} max={300} mono />
        </span>
        <span className="server-tools faint">
          <Outside text={texts.servers.from(found.source)} max={80} />
        </span>
      </span>
      <button
        type="button"
        className="button"
        aria-label={words.reviewOf(visibleText(found.name, { max: 80 }))}
        onClick={onReview}
      >
        {words.review}
      </button>
    </li>
  );
}
