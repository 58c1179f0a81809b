import { useId, useState } from 'react';
import type { FirstCallView } from '../../../electron/shared/views.ts';
import { Failure } from '../../components/failure.tsx';
import { Outside } from '../../components/outside.tsx';
import { formatBytes, formatClock, formatTook } from '../../format.ts';
import { linkTo } from '../../navigation.ts';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';
import { useLitHops } from './use-lit-hops.ts';

/** One call by another process, lit hop by hop as it passed, then its row and what the edge saw of it. */
export function TryPart() {
  const { bridge } = useServices();
  const [call, setCall] = useState<FirstCallView>();
  const heading = useId();
  const tryIt = useAction(async () => {
    setCall(undefined);
    setCall(await bridge.request('servers.firstCall', {}));
  });
  const words = texts.start;
  return (
    <section aria-labelledby={heading}>
      <h2 id={heading}>{words.tryTitle}</h2>
      <p>{words.tryText}</p>
      <div className="start-actions">
        <button
          type="button"
          className={call ? 'button' : 'button primary'}
          disabled={tryIt.pending}
          onClick={() => tryIt.start()}
        >
          {call ? words.again : words.tryDo}
        </button>
        <span role="status" className="faint">
          {tryIt.pending && words.running}
        </span>
      </div>
      <Failure error={tryIt.error} />
      {call && <Walked key={call.callId} call={call} />}
    </section>
  );
}

function Walked({ call }: { call: FirstCallView }) {
  const lit = useLitHops(call.hops.length);
  const words = texts.start;
  const done = lit >= call.hops.length;
  return (
    <>
      <ol className="walk" aria-label={words.hops}>
        {call.hops.map((hop, index) => (
          <li key={hop.hop} data-lit={index < lit || undefined}>
            <span className="walk-dot" aria-hidden="true" />
            <span className="walk-name">{words.hopNames[hop.hop]}</span>
            <span className="walk-time tabular faint">
              <time dateTime={hop.at}>{words.after(formatTook(hop.afterMs))}</time>
            </span>
            <span className="walk-detail faint">
              <Outside text={hop.detail} max={160} />
            </span>
          </li>
        ))}
      </ol>
      <p role="status" className="ok-text">
        {done && words.done(call.tool)}
      </p>
      {done && (
        <div className="start-actions">
          <a className="button primary" href={linkTo('requests', call.callId)}>
            {words.row}
          </a>
          {call.edge && <EdgeSaw edge={call.edge} />}
        </div>
      )}
    </>
  );
}

function EdgeSaw({ edge }: { edge: NonNullable<FirstCallView['edge']> }) {
  const [shown, setShown] = useState(false);
  const id = useId();
  const words = texts.start;
  return (
    <>
      <button
        type="button"
        className="button"
        aria-expanded={shown}
        aria-controls={id}
        onClick={() => setShown((before) => !before)}
      >
        {shown ? words.edgeHide : words.edge}
      </button>
      <div id={id} className="edge-saw" hidden={!shown}>
        <dl className="facts">
          <dt>{words.edgeName}</dt>
          <dd className="mono">{edge.name}</dd>
          <dt>{words.edgeTime}</dt>
          <dd className="tabular">{formatClock(edge.at)}</dd>
          <dt>{words.edgeSize}</dt>
          <dd>{words.edgeSizes(formatBytes(edge.bytesUp), formatBytes(edge.bytesDown), edge.connections)}</dd>
          <dt>{words.edgeBytes}</dt>
          <dd className="mono break ciphertext">{edge.sample.replace(/(..)(?=.)/g, '$1 ')}</dd>
        </dl>
        <p>{words.edgeWords}</p>
      </div>
    </>
  );
}
