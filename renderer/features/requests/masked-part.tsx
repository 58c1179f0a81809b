import { useEffect, useState } from 'react';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import { Failure } from '../../components/failure.tsx';
import { Outside } from '../../components/outside.tsx';
import { OutsideBlock } from '../../components/outside-block.tsx';
import { formatLeft } from '../../format.ts';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';
import { indented } from './indented.ts';

type Masked = RequestOutput<'results.list'>['results'][number];

/**
 * What was taken out of a call's result, while its original is in memory: to look at, or to let the agent have. Draws nothing
 * for results that went out as they came. @param version changes when the call went on
 */
export function MaskedPart({ id, version }: { id: string; version: string }) {
  const { bridge } = useServices();
  const [masked, setMasked] = useState<Masked>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another version means that there may be a result now.
  useEffect(() => {
    let current = true;
    bridge.request('results.list', {}).then(
      ({ results }) => {
        if (current) setMasked(results.find((each) => each.id === id));
      },
      // Without an answer there is nothing to offer; the request's own failure shows elsewhere.
      () => undefined,
    );
    return () => {
      current = false;
    };
  }, [bridge, id, version]);
  return masked ? <Original key={id} masked={masked} /> : null;
}

function Original({ masked }: { masked: Masked }) {
  const { bridge } = useServices();
  const now = useNow();
  const [text, setText] = useState<string>();
  const [sent, setSent] = useState(false);
  const reveal = useAction(async () => setText((await bridge.request('results.reveal', { id: masked.id })).text));
  const send = useAction(async () => {
    await bridge.request('results.send', { id: masked.id });
    setSent(true);
  });
  const words = texts.requests;
  if (sent) {
    return (
      <p className="notice" role="status">
        {words.originalSent}
      </p>
    );
  }
  return (
    <section className="notice warning stacked" aria-label={words.originalTitle}>
      <p>
        <Outside text={(masked.withheld ? words.withheld : words.masked)(masked.kinds.join(', '))} max={400} />{' '}
        <span className="faint">{formatLeft(masked.until, now)}</span>
      </p>
      {text !== undefined && <OutsideBlock text={indented(text)} label={words.original} />}
      <Failure error={reveal.error ?? send.error} />
      <p className="button-line">
        {text === undefined ? (
          <button type="button" className="button" disabled={reveal.pending} onClick={() => reveal.start()}>
            {words.reveal}
          </button>
        ) : (
          <button type="button" className="button" onClick={() => setText(undefined)}>
            {words.hideOriginal}
          </button>
        )}
        <button type="button" className="button" disabled={send.pending} onClick={() => send.start()}>
          {words.sendOriginal}
        </button>
      </p>
      <p className="faint">{words.sendHint}</p>
    </section>
  );
}
