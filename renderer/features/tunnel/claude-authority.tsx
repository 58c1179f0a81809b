import { useEffect, useState } from 'react';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import { asSallyportError, type SallyportError } from '../../../electron/shared/errors.ts';
import { Breaking } from '../../components/breaking.tsx';
import { CopyButton } from '../../components/copy-button.tsx';
import { Failure } from '../../components/failure.tsx';
import { useServices } from '../../state/services.ts';
import { texts } from '../../texts.ts';

/** What a person registers in the Console: the certificate to copy, where it is saved, and the fingerprint to compare. */
export function ClaudeAuthority({ domain }: { domain: string }) {
  const { bridge } = useServices();
  const [shown, setShown] = useState<{ ca: RequestOutput<'tunnel.ca'>; file: string }>();
  const [error, setError] = useState<SallyportError>();
  useEffect(() => {
    let current = true;
    Promise.all([bridge.request('tunnel.ca', {}), bridge.request('app.about', {})]).then(
      ([ca, { dataDir }]) => {
        const slash = dataDir.includes('\\') ? '\\' : '/';
        if (current) setShown({ ca, file: [dataDir, 'pki', `${domain}.ca.pem`].join(slash) });
      },
      (thrown: unknown) => {
        if (current) setError(asSallyportError(thrown));
      },
    );
    return () => {
      current = false;
    };
  }, [bridge, domain]);
  const words = texts.claude;
  return (
    <div>
      <p>{words.register}</p>
      <Failure error={error} />
      {shown && (
        <>
          <dl className="facts">
            <dt>{words.fingerprint}</dt>
            <dd className="mono break fingerprint">
              <Breaking text={shown.ca.fingerprint} at=":" />
            </dd>
            <dt>{words.file}</dt>
            <dd className="mono break">{shown.file}</dd>
          </dl>
          <p className="row-actions">
            <CopyButton text={shown.ca.pem} label={words.copyCertificate} />
            <CopyButton text={shown.file} label={words.copyPath} quiet />
          </p>
        </>
      )}
    </div>
  );
}
