import type { CheckView } from '../../../electron/shared/views.ts';
import { CopyButton } from '../../components/copy-button.tsx';
import { Failure } from '../../components/failure.tsx';
import { BackIcon } from '../../components/icons.tsx';
import { Outside } from '../../components/outside.tsx';
import { linkTo } from '../../navigation.ts';
import { texts } from '../../texts.ts';
import { useDoctor } from './use-doctor.ts';

/** Every hop looked at, from the machine outwards and back in: what is wrong first, each with what mends it. */
export function DoctorPage() {
  const { checks, done, report, error, again } = useDoctor();
  const words = texts.doctor;
  const failed = checks.filter((check) => !check.ok);
  return (
    <div className="page">
      <p className="back">
        <a href={linkTo('tunnel')}>
          <BackIcon />
          {texts.pages.tunnel}
        </a>
      </p>
      <header className="page-head">
        <h1>{words.title}</h1>
        <div className="page-actions">
          {report !== undefined && <CopyButton text={report} label={words.copyReport} />}
          <button type="button" className="button" disabled={!done && !error} onClick={again}>
            {words.again}
          </button>
        </div>
      </header>
      <Failure error={error} />
      <p role="status" className={done && failed.length > 0 ? 'danger-text' : 'faint'}>
        {!done && !error && words.looking(checks.length)}
        {done && (failed.length === 0 ? words.allWell(checks.length) : words.wrong(failed.length, checks.length))}
      </p>
      {failed.length > 0 && <Checks title={words.toMend} checks={failed} />}
      {checks.length > failed.length && <Checks title={words.well} checks={checks.filter((check) => check.ok)} />}
      {report !== undefined && <p className="faint report-hint">{words.reportHint}</p>}
    </div>
  );
}

function Checks({ title, checks }: { title: string; checks: readonly CheckView[] }) {
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <ul className="rows checks">
        {checks.map((check) => (
          <li key={`${check.check} ${check.detail}`} className="row" data-ok={check.ok}>
            <span className="check-shape" aria-hidden="true" />
            <div className="row-main">
              <p>
                <span className="hidden">{check.ok ? texts.doctor.ok : texts.doctor.failed}</span>{' '}
                <Outside text={check.detail} max={600} />
              </p>
              {check.fix !== undefined && (
                <p className="check-fix">
                  <strong>{texts.doctor.fix}</strong> <Outside text={check.fix} max={600} />
                </p>
              )}
            </div>
            <span className="faint check-where">
              {texts.doctor.hops[check.hop]} · <span className="mono">{check.check}</span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
