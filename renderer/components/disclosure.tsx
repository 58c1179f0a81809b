import { type ReactNode, useState } from 'react';

/** A part that most people never need: its title and how things stand in one line, the rest once it is opened. */
export function Disclosure({ title, state, children }: { title: string; state: string; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="disclosure" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <h3>{title}</h3>
        <span className="faint">{state}</span>
      </summary>
      {open && <div className="disclosure-body">{children}</div>}
    </details>
  );
}
