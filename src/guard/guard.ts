// The front door of guard/: who may come in, who is who, and who may use how much.
export { createLoginJudge, createLoginJudges, type LoginJudges, loginLimits, type LoginAnswer, type PeerLogins, type ScramKeys } from './login.ts'
export { knownLoginsIn, newKnownLoginsMemory, type KnownLogins } from './known-logins.ts'
export { createPressure, type Pressure } from './pressure.ts'
export { createAdmission, type Admission, type AdmissionAnswer, type AdmissionLimits } from './admission.ts'
export { pausable, pauseOf, pauseSetting, pauseWords, printPause, type Pausable, type Pause } from './pause.ts'
export { createMemoryBudget, type MemoryBudget } from './memory-budget.ts'
