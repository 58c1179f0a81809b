import { useEffect, useRef } from 'react';
import type { ApprovalView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { texts } from '../../texts.ts';
import { Prompt } from './prompt.tsx';
import { promptWords } from './prompt-words.ts';

/**
 * The prompt above the page. It appears without taking the keyboard, so that nothing typed elsewhere answers it; keys
 * reach it after a click in it, after *Review…*, or after F6.
 */
export function PromptPanel({
  approval,
  waiting,
  take,
  onLater,
}: {
  approval: ApprovalView;
  waiting: number;
  take: number;
  onLater(): void;
}) {
  const ref = useRef<HTMLElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== 'F6') return;
      event.preventDefault();
      focusDeny(ref.current);
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
  useEffect(() => {
    if (take > 0) focusDeny(ref.current);
  }, [take]);
  return (
    <section
      ref={ref}
      className="prompt-panel"
      role="dialog"
      aria-modal="false"
      aria-label={texts.prompt.label(promptWords(approval), visibleText(approval.agent.name, { max: 60 }))}
      tabIndex={-1}
      onPointerUp={(event) => {
        const inside = ref.current?.contains(document.activeElement) && document.activeElement !== ref.current;
        const onText = window.getSelection()?.isCollapsed === false;
        if (!inside && !onText && !(event.target as Element).closest('button, input, textarea, summary')) {
          focusDeny(ref.current);
        }
      }}
    >
      <Prompt
        approval={approval}
        waiting={waiting}
        keys="inside"
        onLater={onLater}
        onAnswered={() => requestAnimationFrame(() => focusDeny(ref.current))}
      />
    </section>
  );
}

function focusDeny(panel: HTMLElement | null): void {
  panel?.querySelector<HTMLElement>('[data-safe]')?.focus();
}
