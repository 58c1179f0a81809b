import { useState } from 'react';
import type { ServerView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Confirm } from '../../components/confirm.tsx';
import { Failure } from '../../components/failure.tsx';
import { EyeIcon } from '../../components/icons.tsx';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

/** Whether a server's results are private; and, while the middle reads, whether it is offered there all the same. */
export function PrivatePart({ server }: { server: ServerView }) {
  const { bridge } = useServices();
  const { tunnel } = useAppState();
  const [asking, setAsking] = useState(false);
  const mark = useAction((marked: boolean) =>
    bridge.request('servers.private', { server: server.slug, private: marked }),
  );
  const offer = useAction(async () => {
    await bridge.request('servers.private', { server: server.slug, private: true, readable: true });
    setAsking(false);
  });
  const words = texts.servers;
  const reads = tunnel.way === 'openai';
  return (
    <>
      <label className="check-line">
        <input
          type="checkbox"
          checked={server.private !== undefined}
          disabled={mark.pending}
          onChange={({ target }) => mark.start(target.checked)}
        />{' '}
        {words.private} <span className="faint">{words.privateHint}</span>
      </label>
      <Failure error={mark.error} />
      {reads && server.private !== undefined && (
        <p className="notice warning">
          <EyeIcon open />
          <span>{server.private === 'withheld' ? words.privateWithheld : words.privateOffered}</span>
          {server.private === 'withheld' ? (
            <button type="button" className="button" onClick={() => setAsking(true)}>
              {words.privateOffer}
            </button>
          ) : (
            <button type="button" className="button" disabled={mark.pending} onClick={() => mark.start(true)}>
              {words.privateStop}
            </button>
          )}
        </p>
      )}
      {asking && (
        <Confirm
          title={words.privateOfferTitle(visibleText(server.name, { max: 80 }))}
          text={words.privateOfferText}
          confirm={words.privateOfferDo}
          action={offer}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}
