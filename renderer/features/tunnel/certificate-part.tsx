import { useEffect, useId, useState } from 'react';
import type { RequestInput, RequestOutput } from '../../../electron/shared/contract.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Dialog } from '../../components/dialog.tsx';
import { Failure } from '../../components/failure.tsx';
import { Outside } from '../../components/outside.tsx';
import { formatDay } from '../../format.ts';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

type Certificate = RequestOutput<'tunnel.certificate'>;

/** The certificate that agents outside meet: who signs it, when it is renewed, and the other choice. */
export function CertificatePart() {
  const { tunnel } = useAppState();
  const { bridge } = useServices();
  const [certificate, setCertificate] = useState<Certificate>();
  const [asking, setAsking] = useState(false);
  const heading = useId();
  // Only programs here meet the embedded edge's, and OpenAI's way has none of ours.
  const outside = tunnel.way !== 'embedded' && tunnel.way !== 'openai';
  const look = useAction(async () => setCertificate(await bridge.request('tunnel.certificate', {})));
  const use = useAction(async (choice: RequestInput<'tunnel.certificateUse'>) => {
    setCertificate(await bridge.request('tunnel.certificateUse', choice));
    setAsking(false);
  });
  const { start } = look;
  const fingerprint = tunnel.certificate?.fingerprint;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another certificate has another issuer and another end.
  useEffect(() => {
    if (outside) start();
  }, [outside, fingerprint, start]);
  if (!outside) return null;
  const words = texts.certificate;
  return (
    <section aria-labelledby={heading}>
      <h2 id={heading}>{words.title}</h2>
      <Failure error={look.error ?? (asking ? undefined : use.error)} />
      {certificate && (
        <>
          <Facts certificate={certificate} />
          <div className="row-actions">
            {certificate.kind === 'own' ? (
              <button type="button" className="button" onClick={() => setAsking(true)}>
                {words.getPublic}
              </button>
            ) : (
              <>
                <button
                  type="button"
                  className="button"
                  disabled={use.pending}
                  onClick={() => use.start({ kind: 'public' })}
                >
                  {use.pending ? words.ordering : words.renew}
                </button>
                <button
                  type="button"
                  className="button quiet"
                  disabled={use.pending}
                  onClick={() => use.start({ kind: 'own' })}
                >
                  {words.useOwn}
                </button>
              </>
            )}
          </div>
        </>
      )}
      {asking && <OrderDialog use={use} onClose={() => setAsking(false)} />}
    </section>
  );
}

function Facts({ certificate }: { certificate: Certificate }) {
  const words = texts.certificate;
  const { kind, domain, notAfter, directory, renewAt, lastError, caa } = certificate;
  return (
    <dl className="facts">
      <dt>{words.signedBy}</dt>
      <dd>{kind === 'own' ? words.own : words.public(directory === undefined ? '' : new URL(directory).host)}</dd>
      <dt>{words.name}</dt>
      <dd className="mono break">
        <Outside text={domain} max={253} />
      </dd>
      <dt>{words.until}</dt>
      <dd>
        {formatDay(notAfter)}
        {renewAt !== undefined && ` · ${words.renewAt(formatDay(renewAt))}`}
      </dd>
      {caa && (
        <>
          <dt>{words.others}</dt>
          <dd className={caa.state === 'bound' ? undefined : 'warning-text'}>
            {words.caa[caa.state]} {caa.record !== undefined && <span className="mono break">{caa.record}</span>}
          </dd>
        </>
      )}
      {lastError !== undefined && (
        <>
          <dt>{words.lastTry}</dt>
          <dd className="danger-text">{visibleText(lastError, { max: 400 })}</dd>
        </>
      )}
    </dl>
  );
}

function OrderDialog({
  use,
  onClose,
}: {
  use: ReturnType<typeof useAction<[RequestInput<'tunnel.certificateUse'>]>>;
  onClose(): void;
}) {
  const [agree, setAgree] = useState(false);
  const words = texts.certificate;
  return (
    <Dialog title={words.orderTitle} onClose={onClose}>
      <p>{words.orderText}</p>
      <label className="check-line">
        <input type="checkbox" checked={agree} onChange={(event) => setAgree(event.target.checked)} /> {words.terms}
      </label>
      <Failure error={use.error} />
      <footer className="dialog-foot">
        <button type="button" className="button" onClick={onClose}>
          {texts.cancel}
        </button>
        <button
          type="button"
          className="button primary"
          disabled={!agree || use.pending}
          onClick={() => use.start({ kind: 'public', agreeTerms: true })}
        >
          {use.pending ? words.ordering : words.order}
        </button>
      </footer>
    </Dialog>
  );
}
