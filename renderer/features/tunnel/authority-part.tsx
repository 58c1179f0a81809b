import { useEffect, useId, useState } from 'react';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import { asSallyportError, type SallyportError } from '../../../electron/shared/errors.ts';
import { Breaking } from '../../components/breaking.tsx';
import { CopyButton } from '../../components/copy-button.tsx';
import { Failure } from '../../components/failure.tsx';
import { formatDay } from '../../format.ts';
import { useAppState, useServices } from '../../state/services.ts';
import { texts } from '../../texts.ts';
import { AuthorityRotation } from './authority-rotation.tsx';

/** The certificate authority that agents of one's own must know; public, so it can be copied freely. */
export function AuthorityPart() {
  const { bridge } = useServices();
  const { tunnel } = useAppState();
  const [authority, setAuthority] = useState<RequestOutput<'tunnel.ca'>>();
  const [error, setError] = useState<SallyportError>();
  const heading = useId();
  const fingerprint = tunnel.certificate?.fingerprint;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another certificate may come from another authority.
  useEffect(() => {
    let current = true;
    bridge.request('tunnel.ca', {}).then(
      (answer) => {
        if (current) setAuthority(answer);
      },
      (thrown: unknown) => {
        if (current) setError(asSallyportError(thrown));
      },
    );
    return () => {
      current = false;
    };
  }, [bridge, fingerprint]);
  const words = texts.tunnel;
  return (
    <section aria-labelledby={heading}>
      <header className="part-head">
        <h2 id={heading}>{words.ca}</h2>
        {authority && <CopyButton text={authority.pem} label={words.caCopy} />}
      </header>
      <p className="faint">{words.caText}</p>
      <Failure error={error} />
      {authority && (
        <dl className="facts">
          <dt>{words.certificate}</dt>
          <dd>{words.expires(formatDay(authority.notAfter))}</dd>
          <dt>{words.fingerprint}</dt>
          <dd className="mono break fingerprint">
            <Breaking text={authority.fingerprint} at=":" />
          </dd>
        </dl>
      )}
      {authority && <AuthorityRotation authority={authority} onChanged={setAuthority} />}
    </section>
  );
}
