import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import type { ApprovalView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Failure } from '../../components/failure.tsx';
import { DownIcon } from '../../components/icons.tsx';
import { useAppState, useServices, useSnapshot } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';
import { indented } from '../requests/indented.ts';
import { PromptClocks } from './prompt-clocks.tsx';
import { editProblem } from './prompt-edit.tsx';
import { PromptFacts } from './prompt-facts.tsx';
import { PromptHead } from './prompt-head.tsx';
import { type Remember, rememberDefault, rememberWords } from './remember.ts';
import { RememberChoice } from './remember-choice.tsx';
import { useArmed } from './use-armed.ts';

interface PromptProps {
  readonly approval: ApprovalView;
  /** How many others wait. */
  readonly waiting: number;
  /** `window`: the prompt is the window, keys count everywhere and Deny has the focus; `inside`: only with focus in it. */
  readonly keys: 'window' | 'inside';
  onLater(): void;
  onAnswered(): void;
}

type Choice = { answer: 'allow'; remember?: Remember; arguments?: string } | { answer: 'deny'; reason?: string };

/**
 * One question (`ui.md`, The prompt): who, the verb and its target, what is new, why it asks. The answer names the
 * prompt's id and the digest that was shown, so that it can never answer for another call.
 */
export function Prompt({ approval, waiting, keys, onLater, onAnswered }: PromptProps) {
  const { bridge } = useServices();
  const { connection } = useSnapshot();
  const { presence } = useAppState();
  const [unveiled, setUnveiled] = useState<string>();
  const veiled = presence.presenting && unveiled !== approval.id;
  const armed = useArmed(JSON.stringify(approval));
  const [shownId, setShownId] = useState(approval.id);
  const [raw, setRaw] = useState(false);
  const [reason, setReason] = useState<string>();
  const [edited, setEdited] = useState<string>();
  const [choosing, setChoosing] = useState(false);
  const [remember, setRemember] = useState(() => rememberDefault(approval));
  const deny = useRef<HTMLButtonElement>(null);
  const menu = useId();

  const send = useAction(async (choice: Choice) => {
    await bridge.request('approvals.answer', {
      id: approval.id,
      digest: approval.digest,
      answer: choice.answer,
      ...(choice.answer === 'allow' && choice.remember
        ? { scope: choice.remember.scope, for: choice.remember.duration }
        : {}),
      ...(choice.answer === 'allow' && choice.arguments !== undefined ? { arguments: choice.arguments } : {}),
      ...(choice.answer === 'deny' && choice.reason ? { reason: choice.reason } : {}),
    });
    onAnswered();
  });
  if (shownId !== approval.id) {
    setShownId(approval.id);
    setRaw(false);
    setReason(undefined);
    setEdited(undefined);
    setChoosing(false);
    setRemember(rememberDefault(approval));
  }
  const { clear } = send;
  // biome-ignore lint/correctness/useExhaustiveDependencies: an old failure says nothing about the next prompt.
  useEffect(() => clear(), [approval.id, clear]);

  const ready = armed && !send.pending && connection.kind === 'online';
  const mayAllow = ready && (edited === undefined || editProblem(edited) === undefined);
  const answer = (choice: Choice) => {
    if (ready) send.start(choice);
  };
  const allow = () => {
    if (mayAllow) answer({ answer: 'allow', ...(edited === undefined ? {} : { arguments: edited }) });
  };
  const allowRemembered = () => {
    if (remember && edited === undefined) answer({ answer: 'allow', remember });
  };

  const onKey = (
    event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey' | 'repeat'> & {
      target: EventTarget | null;
      preventDefault(): void;
    },
  ) => {
    const typing = event.target instanceof HTMLTextAreaElement;
    const mod = (event.ctrlKey || event.metaKey) && !event.altKey;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === 'Escape') {
      event.preventDefault();
      if (reason !== undefined) setReason(undefined);
      else if (edited !== undefined) setEdited(undefined);
      else onLater();
    } else if (event.key === 'Enter' && mod && !event.repeat) {
      event.preventDefault();
      // Whoever writes why not is about to deny: the same keys must not allow here.
      if (typing && reason !== undefined) answer({ answer: 'deny', reason });
      else if (event.shiftKey) allowRemembered();
      else allow();
    } else if (!typing && plain && !event.repeat && event.key.toLowerCase() === 'd') {
      event.preventDefault();
      answer({ answer: 'deny' });
    } else if (!typing && plain && !event.repeat && event.key.toLowerCase() === 'j') {
      event.preventDefault();
      setRaw((shown) => !shown);
    }
  };
  const edit = () => {
    setReason(undefined);
    setChoosing(false);
    setEdited(indented(approval.argumentsText === '' ? '{}' : approval.argumentsText));
  };
  const latestKey = useRef(onKey);
  useEffect(() => {
    latestKey.current = onKey;
  });
  useEffect(() => {
    if (keys !== 'window') return;
    deny.current?.focus();
    const listen = (event: globalThis.KeyboardEvent) => latestKey.current(event);
    window.addEventListener('keydown', listen);
    return () => window.removeEventListener('keydown', listen);
  }, [keys]);

  const agent = visibleText(approval.agent.name, { max: 60 });
  const [Title, Part] = keys === 'window' ? (['h1', 'h2'] as const) : (['h2', 'h3'] as const);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys of the whole prompt; every one has a button beside it.
    <div className="prompt" data-class={approval.class} onKeyDown={keys === 'inside' ? onKey : undefined}>
      <PromptHead approval={approval} title={Title} veiled={veiled} />

      {veiled ? (
        <p className="prompt-body faint">
          {texts.presence.hidden}{' '}
          <button type="button" className="link" onClick={() => setUnveiled(approval.id)}>
            {texts.presence.showValues}
          </button>
        </p>
      ) : (
        <PromptFacts
          approval={approval}
          raw={raw}
          onRaw={setRaw}
          part={Part}
          editId={`${menu}-edit`}
          edited={edited}
          onEdit={edit}
          onEdited={setEdited}
        />
      )}

      {send.error?.code === 'approval_stale' ? (
        <p className="notice warning" role="alert">
          {texts.prompt.changed}
        </p>
      ) : (
        <Failure error={send.error} />
      )}

      {reason !== undefined && (
        <div className="field prompt-reason">
          <label htmlFor={`${menu}-reason`}>{texts.prompt.reason}</label>
          <textarea
            id={`${menu}-reason`}
            // biome-ignore lint/a11y/noAutofocus: opened by the person's own click, to type into.
            autoFocus
            rows={2}
            maxLength={2_000}
            placeholder={texts.prompt.reasonPlaceholder}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
        </div>
      )}
      {choosing && remember && <RememberChoice id={menu} approval={approval} value={remember} onChange={setRemember} />}

      <div className="prompt-buttons" data-armed={ready || undefined}>
        <button
          ref={deny}
          type="button"
          data-safe=""
          className="button"
          aria-disabled={!ready}
          onClick={() => answer(reason === undefined ? { answer: 'deny' } : { answer: 'deny', reason })}
        >
          {reason === undefined ? texts.prompt.deny : texts.prompt.denyWithReason}
          {reason === undefined && <kbd>D</kbd>}
        </button>
        {reason === undefined && (
          <button
            type="button"
            className="button quiet"
            onClick={() => {
              setEdited(undefined);
              setReason('');
            }}
          >
            {texts.prompt.denyReason}
          </button>
        )}
        <span className="prompt-allow">
          <button type="button" className="button allow" aria-disabled={!mayAllow} onClick={allow}>
            {edited !== undefined
              ? texts.prompt.allowEdited
              : approval.count > 1
                ? texts.prompt.allowAll(approval.count)
                : texts.prompt.allow}
          </button>
          {edited !== undefined && (
            <button type="button" className="button quiet" onClick={() => setEdited(undefined)}>
              {texts.prompt.editDrop}
            </button>
          )}
          {remember && edited === undefined && (
            <span className="split">
              <button type="button" className="button allow" aria-disabled={!ready} onClick={allowRemembered}>
                {rememberWords(visibleText(approval.tool, { max: 40 }), remember, Date.now())}
              </button>
              <button
                type="button"
                className="button icon-only allow"
                aria-label={texts.prompt.rememberMenu}
                aria-expanded={choosing}
                aria-controls={choosing ? menu : undefined}
                onClick={() => setChoosing(!choosing)}
              >
                <DownIcon />
              </button>
            </span>
          )}
        </span>
      </div>
      <div className="prompt-foot">
        <PromptClocks approval={approval} agent={agent} waiting={waiting} />
        <button type="button" className="link" onClick={onLater}>
          {texts.prompt.later} <kbd>Esc</kbd>
        </button>
      </div>
    </div>
  );
}
