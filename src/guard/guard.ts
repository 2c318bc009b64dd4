// The front door of guard/: who may come in, who is who, and who may use how much.
export { createLoginJudge, loginLimits, type LoginAnswer, type LoginJudge, type ScramKeys } from './login.ts'
export { createAdmission, type Admission, type AdmissionLimits } from './admission.ts'
export { createMemoryBudget, type MemoryBudget } from './memory-budget.ts'
