import type { Page } from 'playwright-core';

/** What a person could not read or reach on the page as it stands, in words; measured by layout boxes. */
export async function outOfReach(page: Page): Promise<readonly string[]> {
  return await page.evaluate(() => {
    const found: string[] = [];
    const wide = innerWidth + 1;
    const name = (element: Element): string =>
      `<${element.localName}> ${(element.getAttribute('aria-label') ?? element.textContent ?? '').replace(/\s+/g, ' ').slice(0, 50)}`;
    /** Whether something around it scrolls sideways by itself: a table of code may, a page may not. */
    const scrollsItself = (element: Element): boolean => {
      for (let up: Element | null = element; up && up !== document.body; up = up.parentElement) {
        const { overflowX } = getComputedStyle(up);
        if (up.scrollWidth > up.clientWidth + 1 && (overflowX === 'auto' || overflowX === 'scroll')) return true;
      }
      return false;
    };
    for (const element of [
      document.documentElement,
      ...document.querySelectorAll('main, header, nav, aside, section'),
    ]) {
      const visible = element !== document.documentElement && getComputedStyle(element).overflowX === 'visible';
      if (element.scrollWidth > element.clientWidth + 1 && !visible) {
        found.push(`scrolls sideways: ${name(element)}`);
      }
    }
    for (const element of document.querySelectorAll(
      'button, a, input, textarea, select, [role=switch], h1, h2, p, dt, dd, label',
    )) {
      if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      const box = element.getBoundingClientRect();
      if (box.width <= 1 || box.height <= 1) continue;
      if ((box.left < -1 || box.right > wide) && !scrollsItself(element))
        found.push(`beyond the edge: ${name(element)}`);
      if (!element.matches('button, label, h1, h2')) continue;
      const style = getComputedStyle(element);
      const cuts = style.overflowX !== 'visible' && style.textOverflow !== 'ellipsis';
      if (cuts && element.scrollWidth > element.clientWidth + 1) found.push(`cut: ${name(element)}`);
    }
    return found;
  });
}

/** One stop of the walk. */
export interface Stop {
  readonly what: string;
  readonly id: number;
  /** What is wrong with it, in words. */
  readonly wrong: readonly string[];
}

/**
 * Presses Tab from the top until the focus has been everywhere, and looks at each stop: is it in sight, and does it show
 * that it has the keyboard?
 * @returns the stops, and the controls that were never reached
 */
export async function walkByKeyboard(page: Page): Promise<{ stops: readonly Stop[]; missed: readonly string[] }> {
  await page.evaluate(() => {
    (document.activeElement as HTMLElement | null)?.blur();
    getSelection()?.removeAllRanges();
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute('tabindex');
  });
  const stops: Stop[] = [];
  for (let count = 0; count < 250; count += 1) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(() => {
      const element = document.activeElement;
      if (!(element instanceof HTMLElement) || element === document.body) return undefined;
      const known = (globalThis as unknown as { walked?: HTMLElement[] }).walked ?? [];
      Object.assign(globalThis, { walked: known });
      const seen = known.indexOf(element);
      if (seen === -1) known.push(element);
      const wrong: string[] = [];
      // A radio button or a checkbox is drawn by the label around it.
      const drawn = element.matches('input[type=radio], input[type=checkbox]')
        ? [element, element.nextElementSibling, element.parentElement]
        : [element, element.parentElement];
      const ring = drawn.some((each) => {
        if (!each) return false;
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(each);
        return (outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 1) || boxShadow !== 'none';
      });
      if (!ring && element.id !== 'main') wrong.push('does not show that it has the keyboard');
      const box = element.getBoundingClientRect();
      const inSight = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
      if (!inSight) wrong.push('is out of sight');
      const words = element.getAttribute('aria-label') ?? (element.textContent || element.getAttribute('name') || '');
      return { what: `<${element.localName}> ${words.replace(/\s+/g, ' ').slice(0, 50)}`, id: seen, wrong };
    });
    // Past the last control the browser's own frame has the keyboard; back at the first one the walk is over.
    if (!stop || stop.id !== -1) break;
    stops.push(stop);
  }
  const missed = await page.evaluate(() => {
    const known = (globalThis as unknown as { walked?: HTMLElement[] }).walked ?? [];
    Object.assign(globalThis, { walked: [] });
    const groups = new Set(
      known.filter((each) => each.matches('input[type=radio]')).map((each) => each.getAttribute('name')),
    );
    return [
      ...document.querySelectorAll<HTMLElement>('button, a[href], input, textarea, select, summary, [role=switch]'),
    ]
      .filter((each) => each.checkVisibility() && !each.matches(':disabled, [inert] *, [tabindex="-1"]'))
      .filter((each) => !known.includes(each) && !groups.has(each.getAttribute('name') ?? ''))
      .map((each) => `<${each.localName}> ${(each.getAttribute('aria-label') ?? each.textContent ?? '').slice(0, 50)}`);
  });
  return { stops, missed };
}
