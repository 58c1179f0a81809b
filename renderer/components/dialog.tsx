import { type ReactNode, useEffect, useId, useRef } from 'react';
import { createPortal } from 'react-dom';
import { texts } from '../texts.ts';
import { CloseIcon } from './icons.tsx';
import { useModal } from './modal-stack.ts';

/**
 * A modal sheet: the page behind is inert, so focus stays in it or goes to a prompt that came meanwhile; Esc closes it, and
 * focus returns to where it was.
 */
export function Dialog({ title, children, onClose }: { title: string; children: ReactNode; onClose(): void }) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const uppermost = useModal();
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    const before = document.activeElement;
    if (!dialog.contains(before)) {
      const first = dialog.querySelector<HTMLElement>(
        '[autofocus], :is(input, textarea, select):not(:disabled), button',
      );
      (first ?? dialog).focus();
    }
    return () => {
      // The page behind is inert until this sheet is off the stack.
      requestAnimationFrame(() => {
        if (before instanceof HTMLElement && before.isConnected) before.focus();
      });
    };
  }, []);
  const close = useRef(onClose);
  useEffect(() => {
    close.current = onClose;
  });
  useEffect(() => {
    if (!uppermost) return;
    const onKey = (event: KeyboardEvent) => {
      const inPrompt = event.target instanceof Element && event.target.closest('.prompt-panel') !== null;
      if (event.key !== 'Escape' || event.defaultPrevented || inPrompt) return;
      event.preventDefault();
      close.current();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [uppermost]);
  return createPortal(
    <div className="dialog-back" inert={!uppermost}>
      <dialog ref={ref} className="dialog" open aria-labelledby={heading} tabIndex={-1}>
        <header className="dialog-head">
          <h2 id={heading}>{title}</h2>
          <button type="button" className="button icon-only quiet" aria-label={texts.close} onClick={onClose}>
            <CloseIcon />
          </button>
        </header>
        {children}
      </dialog>
    </div>,
    document.body,
  );
}
