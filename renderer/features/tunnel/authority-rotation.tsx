import type { RequestInput, RequestOutput } from '../../../electron/shared/contract.ts';
import { Failure } from '../../components/failure.tsx';
import { formatDay } from '../../format.ts';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

type Authority = RequestOutput<'tunnel.ca'>;

/** Changing the authority in steps, with both trusted in between (`docs/certificate.md`). */
export function AuthorityRotation({
  authority,
  onChanged,
}: {
  authority: Authority;
  onChanged(authority: Authority): void;
}) {
  const { bridge } = useServices();
  const rotate = useAction(async (step: RequestInput<'tunnel.caRotate'>['step']) =>
    onChanged(await bridge.request('tunnel.caRotate', { step })),
  );
  const words = texts.certificate;
  const all = authority.authorities ?? [];
  const roles = new Set(all.map(({ role }) => role));
  const steps = roles.has('next')
    ? (['switch', 'cancel'] as const)
    : roles.has('old')
      ? (['finish'] as const)
      : (['begin'] as const);
  return (
    <>
      {all.length > 1 && (
        <ul className="plain">
          {all.map(({ role, fingerprint, notAfter }) => (
            <li key={fingerprint}>
              <span className="mono">{fingerprint.slice(0, 17)}…</span> {words.roles[role]}{' '}
              <span className="faint">{texts.tunnel.expires(formatDay(notAfter))}</span>
            </li>
          ))}
        </ul>
      )}
      <div className="row-actions">
        {steps.map((step) => (
          <button
            key={step}
            type="button"
            className={step === 'cancel' ? 'button quiet' : 'button'}
            disabled={rotate.pending}
            onClick={() => rotate.start(step)}
          >
            {words.rotate[step]}
          </button>
        ))}
      </div>
      <Failure error={rotate.error} />
    </>
  );
}
