import { useEffect, useId, useState } from 'react';
import type { ConsentView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Failure } from '../../components/failure.tsx';
import { CheckIcon } from '../../components/icons.tsx';
import { Outside } from '../../components/outside.tsx';
import { formatCountdown, formatDay } from '../../format.ts';
import { useServices, useSnapshot } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';
import { useArmed } from '../approvals/use-armed.ts';
import { ToolPicker } from './tool-picker.tsx';

type Choice = { answer: 'allow'; tools: 'all' | 'reads' | string[] } | { answer: 'deny' | 'block' };

/**
 * An agent asks to be let in (`ui.md`, OAuth consent): who, what it could do, and the code that its page asks for. It
 * appears without taking the keyboard, and its buttons arm like those of every prompt.
 */
export function ConsentPanel({ consent }: { consent: ConsentView }) {
  const { bridge } = useServices();
  const { connection } = useSnapshot();
  const now = useNow();
  const armed = useArmed(JSON.stringify(consent));
  const [chosen, setChosen] = useState<readonly string[]>();
  const title = useId();
  const send = useAction((choice: Choice) =>
    bridge.request('consents.answer', {
      id: consent.id,
      answer: choice.answer,
      ...('tools' in choice ? { tools: choice.tools } : {}),
    }),
  );
  const { clear } = send;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another request begins anew.
  useEffect(() => {
    setChosen(undefined);
    clear();
  }, [consent.id, clear]);

  const words = texts.consent;
  const { client, tools } = consent;
  const ready = armed && !send.pending && connection.kind === 'online';
  const answer = (choice: Choice) => {
    if (ready) send.start(choice);
  };
  const left = formatCountdown(Date.parse(consent.expiresAt) - now);
  const name = visibleText(client.name, { max: 60 });
  return (
    <section className="prompt-panel" role="dialog" aria-modal="false" aria-labelledby={title} tabIndex={-1}>
      <div className="prompt consent">
        <p className="prompt-who">
          {client.verified ? (
            <span className="verified">
              <CheckIcon />
              <Outside text={client.host ?? ''} max={80} />
            </span>
          ) : (
            words.unverified
          )}{' '}
          · {client.known ? words.known : words.unknown}
        </p>
        <h2 className="prompt-what" id={title}>
          <Outside text={client.name} max={60} /> {words.wants} <span className="mono">{consent.server}</span>
        </h2>
        <p className="consent-code-line">
          <span>{consent.phase === 'allowed' ? words.typeNow : words.type}</span>
          <output className="consent-code" aria-label={words.codeLabel(consent.code)}>
            {consent.code.slice(0, 3)} {consent.code.slice(3)}
          </output>
        </p>
        <div className="prompt-body">
          <dl className="consent-facts">
            <dt>{words.could}</dt>
            <dd>{words.sentence(tools)}</dd>
            <dt>{words.goes}</dt>
            <dd>
              <Outside text={consent.redirectHost} max={120} />
            </dd>
            <dt>{words.until}</dt>
            <dd>{words.untilDay(formatDay(consent.until))}</dd>
          </dl>
          {client.verified && <p className="faint">{words.anyAccount(name)}</p>}
          {chosen !== undefined && (
            <ToolPicker legend={words.choose} tools={tools} chosen={chosen} onChange={setChosen} />
          )}
        </div>
        <Failure error={send.error} />
        <div className="prompt-buttons" data-armed={ready || undefined}>
          <button
            type="button"
            data-safe=""
            className="button"
            aria-disabled={!ready}
            onClick={() => answer({ answer: 'deny' })}
          >
            {words.deny}
          </button>
          <button
            type="button"
            className="button quiet"
            aria-disabled={!ready}
            onClick={() => answer({ answer: 'block' })}
          >
            {words.block}
          </button>
          {consent.phase === 'asked' && (
            <span className="prompt-allow">
              {chosen === undefined ? (
                <>
                  <button
                    type="button"
                    className="button quiet"
                    onClick={() => setChosen(tools.map((tool) => tool.name))}
                  >
                    {words.chooseTools}
                  </button>
                  <button
                    type="button"
                    className="button allow"
                    aria-disabled={!ready}
                    onClick={() => answer({ answer: 'allow', tools: 'reads' })}
                  >
                    {words.readsOnly}
                  </button>
                  <button
                    type="button"
                    className="button allow"
                    aria-disabled={!ready}
                    onClick={() => answer({ answer: 'allow', tools: 'all' })}
                  >
                    {words.allow}
                  </button>
                </>
              ) : (
                <button
                  type="button"
                  className="button allow"
                  aria-disabled={!ready || chosen.length === 0}
                  onClick={() => {
                    if (chosen.length > 0) answer({ answer: 'allow', tools: [...chosen] });
                  }}
                >
                  {words.allowChosen(chosen.length)}
                </button>
              )}
            </span>
          )}
        </div>
        <p className="prompt-foot prompt-clocks">
          {consent.phase === 'allowed' ? words.waitsForCode(left) : words.waits(left)}
        </p>
      </div>
    </section>
  );
}
