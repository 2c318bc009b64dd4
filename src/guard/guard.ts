// The front door of guard/: who may come in, who is who, and who may use how much.
export { createLoginJudge, loginLimits, type LoginAnswer, type LoginJudge, type ScramKeys } from './login.ts'
