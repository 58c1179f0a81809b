import { useId, useState } from 'react';
import { Failure } from '../../components/failure.tsx';
import { EyeIcon } from '../../components/icons.tsx';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';
import { ClaudeDialog } from './claude-dialog.tsx';
import { ForwardDialog } from './forward-dialog.tsx';
import { JoinDialog } from './join-dialog.tsx';
import { OpenAiDialog } from './openai-dialog.tsx';

/** The way in that is in use, and the others that can be chosen. */
export function WayPart() {
  const { tunnel } = useAppState();
  const { bridge } = useServices();
  const [joining, setJoining] = useState(false);
  const [choosing, setChoosing] = useState(false);
  const [claude, setClaude] = useState(false);
  const [forwarding, setForwarding] = useState(false);
  const heading = useId();
  const embed = useAction(() => bridge.request('tunnel.use', { way: 'embedded' }));
  const words = texts.tunnel;
  return (
    <section aria-labelledby={heading}>
      <h2 id={heading}>{words.way}</h2>
      <div className="row way">
        <div className="row-main">
          <p>
            <strong>{words.ways[tunnel.way]}</strong> <span className="faint">{words.states[tunnel.state]}</span>
          </p>
          <p className={tunnel.way === 'openai' ? 'warning-text' : 'faint'}>
            {tunnel.way === 'openai' && <EyeIcon open />}
            {words.wayHints[tunnel.way]}
          </p>
          {tunnel.openai?.withheld && <p>{words.openAiWithheld(tunnel.openai.withheld.join(', '))}</p>}
          {tunnel.forward && <p>{words.forwardPoint(tunnel.forward.local)}</p>}
        </div>
      </div>
      <div className="row-actions">
        {tunnel.way !== 'embedded' && (
          <button type="button" className="button" disabled={embed.pending} onClick={() => embed.start()}>
            {words.useEmbedded}
          </button>
        )}
        <button type="button" className="button" onClick={() => setJoining(true)}>
          {words.useEdge}
        </button>
        <button type="button" className="button" onClick={() => setClaude(true)}>
          {texts.claude.open}
        </button>
        <button type="button" className="button" onClick={() => setForwarding(true)}>
          {words.useForward}
        </button>
        <button type="button" className="button" onClick={() => setChoosing(true)}>
          {words.useOpenAi}
        </button>
      </div>
      <Failure error={embed.error} />
      {joining && <JoinDialog onClose={() => setJoining(false)} />}
      {claude && <ClaudeDialog onClose={() => setClaude(false)} />}
      {forwarding && <ForwardDialog onClose={() => setForwarding(false)} />}
      {choosing && <OpenAiDialog onClose={() => setChoosing(false)} />}
    </section>
  );
}
