import { useEffect, useState } from 'react';
import { asSallyportError, type SallyportError } from '../../../electron/shared/errors.ts';
import type { LogDetail, LogRow } from '../../../electron/shared/views.ts';
import { CopyButton } from '../../components/copy-button.tsx';
import { Failure } from '../../components/failure.tsx';
import { CloseIcon } from '../../components/icons.tsx';
import { Outside } from '../../components/outside.tsx';
import { OutsideBlock } from '../../components/outside-block.tsx';
import { formatBytes, formatFull, formatTook } from '../../format.ts';
import { useAppState, useServices } from '../../state/services.ts';
import { texts } from '../../texts.ts';
import { copyAsCurl, copyAsReplay } from './copy-as.ts';
import { indented } from './indented.ts';
import { MaskedPart } from './masked-part.tsx';
import { OutcomeWords } from './outcome.tsx';
import { TimeLine } from './time-line.tsx';

/** One request at the side: what was asked, what was decided and why, what came back, and its way through the hops. */
export function RequestDetails({ id, row, onClose }: { id: string; row: LogRow | undefined; onClose(): void }) {
  const { detail, error } = useDetail(id, row);
  return (
    <aside className="details" aria-label={texts.requests.details}>
      <header className="details-head">
        <h2>{row?.tool === undefined ? texts.requests.details : <Outside text={row.tool} max={80} mono />}</h2>
        <button type="button" className="button icon-only quiet" aria-label={texts.close} onClick={onClose}>
          <CloseIcon />
        </button>
      </header>
      <div className="details-body">
        <Failure error={error} />
        {detail ? <Details detail={detail} /> : !error && <p role="status">{texts.loading}</p>}
      </div>
    </aside>
  );
}

function Details({ detail }: { detail: LogDetail }) {
  const { servers } = useAppState();
  const words = texts.requests;
  const url = servers.find((server) => server.slug === detail.server)?.publicUrl;
  const call = detail.kind === 'call';
  return (
    <>
      <p className="details-line">
        {detail.agent && <Outside text={detail.agent.name} max={80} />}
        {detail.agent && <span className="faint"> · </span>}
        {detail.server !== undefined && (
          <span className="faint">
            <span className="mono">{detail.server}</span> ·{' '}
          </span>
        )}
        <span className="faint">{formatFull(detail.at)}</span>
      </p>
      <p>
        <OutcomeWords row={detail} />
      </p>
      {detail.message !== undefined && (
        <p>
          <Outside text={detail.message} max={1_000} />
        </p>
      )}
      {call && (
        <div className="details-copy">
          {url !== undefined && (
            <CopyButton text={() => copyAsCurl(detail, url)} label={words.copyCurl} refused={words.curlRefused} quiet />
          )}
          {detail.tool !== undefined && <CopyButton text={() => copyAsReplay(detail)} label={words.copyReplay} quiet />}
        </div>
      )}
      {call && (
        <section>
          <h3>{words.arguments}</h3>
          {detail.argumentsText === undefined || detail.argumentsText === '' ? (
            <p className="faint">{words.noArguments}</p>
          ) : (
            <OutsideBlock text={indented(detail.argumentsText)} label={words.arguments} />
          )}
        </section>
      )}
      {detail.decision && (
        <section>
          <h3>{words.decision}</h3>
          <dl className="facts">
            <dt>{words.effects[detail.decision.effect]}</dt>
            <dd>
              {detail.decision.reasons.length === 0 ? (
                '–'
              ) : (
                <ul className="plain">
                  {detail.decision.reasons.map((reason) => (
                    <li key={reason}>
                      <Outside text={reason} max={400} />
                    </li>
                  ))}
                </ul>
              )}
            </dd>
            <dt>{words.rule}</dt>
            <dd className="mono">
              <Outside text={detail.decision.rule} />
            </dd>
            <dt>{words.class}</dt>
            <dd>{texts.servers.classes[detail.decision.class]}</dd>
            {detail.answer && (
              <>
                <dt>{words.answer}</dt>
                <dd>
                  {detail.answer.by ?? '–'}
                  {detail.answer.after !== undefined && `, ${formatTook(detail.answer.after)}`}
                </dd>
              </>
            )}
            {detail.answer?.reason !== undefined && (
              <>
                <dt>{words.reason}</dt>
                <dd>
                  <Outside text={detail.answer.reason} max={2_000} />
                </dd>
              </>
            )}
          </dl>
        </section>
      )}
      {detail.error !== undefined && (
        <section>
          <h3>{words.error}</h3>
          <OutsideBlock text={detail.error} label={words.error} />
        </section>
      )}
      {call && (
        <section>
          <h3>{words.result}</h3>
          {detail.resultText === undefined ? (
            <p className="faint">{words.noResult}</p>
          ) : (
            <OutsideBlock text={indented(detail.resultText)} label={words.result} />
          )}
          <MaskedPart id={detail.id} version={detail.hash} />
        </section>
      )}
      {detail.steps.length > 0 && (
        <section>
          <h3>{words.timeline}</h3>
          <TimeLine steps={detail.steps} />
        </section>
      )}
      <dl className="facts small">
        {call && (
          <>
            <dt>{words.sizes}</dt>
            <dd>{words.inOut(formatBytes(detail.bytesIn), formatBytes(detail.bytesOut))}</dd>
          </>
        )}
        {detail.era !== undefined && (
          <>
            <dt>{words.era}</dt>
            <dd className="mono">
              <Outside text={detail.era} />
            </dd>
          </>
        )}
        <dt>{words.hash}</dt>
        <dd className="mono break">{detail.hash}</dd>
      </dl>
    </>
  );
}

/** Loads the details, and again when the row's newest event is another one. */
function useDetail(id: string, row: LogRow | undefined): { detail?: LogDetail; error?: SallyportError } {
  const { bridge } = useServices();
  const [loaded, setLoaded] = useState<{ id: string; detail?: LogDetail; error?: SallyportError }>({ id });
  const hash = row?.hash;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another hash means that the call went on.
  useEffect(() => {
    let current = true;
    bridge.request('log.show', { id }).then(
      (answer) => {
        if (current) setLoaded({ id, detail: answer.row });
      },
      (thrown: unknown) => {
        if (current) setLoaded({ id, error: asSallyportError(thrown) });
      },
    );
    return () => {
      current = false;
    };
  }, [bridge, id, hash]);
  if (loaded.id !== id) return {};
  return { ...(loaded.detail ? { detail: loaded.detail } : {}), ...(loaded.error ? { error: loaded.error } : {}) };
}
