import { useId, useState } from 'react';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Failure } from '../../components/failure.tsx';
import { Page } from '../../components/page.tsx';
import { formatAgo, formatTook } from '../../format.ts';
import { linkTo } from '../../navigation.ts';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';
import { AuthorityPart } from './authority-part.tsx';
import { CertificatePart } from './certificate-part.tsx';
import { ChecklistPart } from './checklist-part.tsx';
import { NetworkPart } from './network-part.tsx';
import { RoadDrawing } from './road-drawing.tsx';
import { Traffic } from './traffic.tsx';
import { WayPart } from './way-part.tsx';

/** The road drawn large with each hop's proof, what the middle can see, and the way in. */
export function TunnelPage() {
  const { status, tunnel } = useAppState();
  const { bridge } = useServices();
  const now = useNow();
  const heading = useId();
  const [probed, setProbed] = useState(status.probe);
  const probe = useAction(async () => setProbed(await bridge.request('tunnel.probe', {})));
  const newest =
    status.probe && (!probed || Date.parse(status.probe.at) > Date.parse(probed.at)) ? status.probe : probed;
  const words = texts.tunnel;
  return (
    <Page
      title={words.title}
      actions={
        <>
          <a className="button quiet" href={linkTo('doctor')}>
            {texts.doctor.open}
          </a>
          <button type="button" className="button" disabled={probe.pending} onClick={() => probe.start()}>
            {probe.pending ? words.probing : words.probe}
          </button>
        </>
      }
    >
      <Failure error={probe.error} />
      <section aria-labelledby={heading}>
        <h2 id={heading} className="hidden">
          {words.draw}
        </h2>
        <RoadDrawing />
        <p role="status" className={newest && !newest.ok ? 'danger-text' : 'faint'}>
          {newest === undefined && words.probeNone}
          {newest?.ok === true && words.probeOk(formatTook(newest.ms), formatAgo(newest.at, now))}
          {newest?.ok === false && words.probeBad(newest.hop ?? 'edge', formatAgo(newest.at, now))}
          {newest?.detail !== undefined && ` ${visibleText(newest.detail, { max: 300 })}`}
        </p>
        {tunnel.detail !== undefined && (
          <p className={tunnel.state === 'trouble' ? 'danger-text' : 'faint'}>
            {visibleText(tunnel.detail, { max: 400 })}
          </p>
        )}
        <Traffic />
      </section>
      <WayPart />
      <ChecklistPart />
      <NetworkPart />
      <CertificatePart />
      <AuthorityPart />
    </Page>
  );
}
