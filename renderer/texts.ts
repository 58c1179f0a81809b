import { agentsTexts } from './texts/agents.ts';
import { approvalsTexts } from './texts/approvals.ts';
import { certificateTexts } from './texts/certificate.ts';
import { claudeTexts } from './texts/claude.ts';
import { doctorTexts } from './texts/doctor.ts';
import { firstRunTexts } from './texts/first-run.ts';
import { isolationTexts } from './texts/isolation.ts';
import { networkTexts } from './texts/network.ts';
import { presenceTexts } from './texts/presence.ts';
import { proposalsTexts } from './texts/proposals.ts';
import { requestsTexts } from './texts/requests.ts';
import { rulesTexts } from './texts/rules.ts';
import { serversTexts } from './texts/servers.ts';
import { settingsTexts } from './texts/settings.ts';
import { tunnelTexts } from './texts/tunnel.ts';
import { updatesTexts } from './texts/updates.ts';
import { upkeepTexts } from './texts/upkeep.ts';
import { weekTexts } from './texts/week.ts';
import { windowTexts } from './texts/window.ts';

/** Every text of the window, in one catalogue with a file a page. Voice: short, calm, concrete (what happened, where, what to do). */
export const texts = {
  ...windowTexts,
  ...serversTexts,
  ...firstRunTexts,
  ...requestsTexts,
  ...approvalsTexts,
  ...isolationTexts,
  ...rulesTexts,
  ...proposalsTexts,
  ...agentsTexts,
  ...tunnelTexts,
  ...networkTexts,
  ...certificateTexts,
  ...claudeTexts,
  ...doctorTexts,
  ...settingsTexts,
  ...presenceTexts,
  ...updatesTexts,
  ...upkeepTexts,
  ...weekTexts,
} as const;
