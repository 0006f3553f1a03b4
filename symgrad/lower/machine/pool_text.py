"""What waiting threads run, and what hands them work, in LLVM's language."""

from __future__ import annotations

SLOT = 256  # bytes of a thread: what it waits for, what waits for it, what it is to call
LOOKS = 50  # before a thread sleeps: each lets other threads of the machine run, and takes 0.2 us or more
TEXT = f"""
declare i32 @sem_wait(ptr)
declare i32 @sem_trywait(ptr)
declare i32 @sem_post(ptr)
declare i32 @sched_yield()

; Returns when the semaphore was posted.
define internal void @await(ptr %semaphore) {{
  br label %look
look:
  %k = phi i64 [ 0, %0 ], [ %k.next, %again ]
  %status = call i32 @sem_trywait(ptr %semaphore)
  %is_posted = icmp eq i32 %status, 0
  br i1 %is_posted, label %end, label %again
again:
  call i32 @sched_yield()
  %k.next = add i64 %k, 1
  %is_soon = icmp ult i64 %k.next, {LOOKS}
  br i1 %is_soon, label %look, label %sleep
sleep:  ; again after a signal
  %status.sleep = call i32 @sem_wait(ptr %semaphore)
  %is_signal = icmp ne i32 %status.sleep, 0
  br i1 %is_signal, label %sleep, label %end
end:
  ret void
}}

define ptr @symgrad_serve(ptr %slot) {{
  %done = getelementptr i8, ptr %slot, i64 64
  %work.at = getelementptr i64, ptr %slot, i64 16
  %a.at = getelementptr i64, ptr %slot, i64 17
  %b.at = getelementptr i64, ptr %slot, i64 18
  %c.at = getelementptr i64, ptr %slot, i64 19
  %d.at = getelementptr i64, ptr %slot, i64 20
  %failed.at = getelementptr i64, ptr %slot, i64 21
  br label %wait
wait:
  call void @await(ptr %slot)
  %work = load ptr, ptr %work.at
  %a = load i64, ptr %a.at
  %b = load i64, ptr %b.at
  %c = load i64, ptr %c.at
  %d = load i64, ptr %d.at
  %failed = call i32 %work(i64 %a, i64 %b, i64 %c, i64 %d)
  store i32 %failed, ptr %failed.at
  %posted = call i32 @sem_post(ptr %done)
  br label %wait
}}

define i32 @symgrad_share(ptr %pool, i64 %threads, ptr %work, i64 %a, i64 %b, i64 %c, i64 %d) {{
  %is_shared = icmp ne i64 %threads, 0
  br i1 %is_shared, label %begin, label %alone
begin:
  %was_busy = atomicrmw xchg ptr %pool, i64 1 acquire
  %is_busy = icmp ne i64 %was_busy, 0
  br i1 %is_busy, label %alone, label %ask
alone:
  %failed.alone = call i32 %work(i64 %a, i64 %b, i64 %c, i64 %d)
  ret i32 %failed.alone
ask:
  %k = phi i64 [ 1, %begin ], [ %k.next, %post ]
  %is_more = icmp sle i64 %k, %threads
  br i1 %is_more, label %post, label %here
post:
  %k.slot = getelementptr [{SLOT} x i8], ptr %pool, i64 %k
  %work.at = getelementptr i64, ptr %k.slot, i64 16
  %a.at = getelementptr i64, ptr %k.slot, i64 17
  %b.at = getelementptr i64, ptr %k.slot, i64 18
  %c.at = getelementptr i64, ptr %k.slot, i64 19
  %d.at = getelementptr i64, ptr %k.slot, i64 20
  store ptr %work, ptr %work.at
  store i64 %a, ptr %a.at
  store i64 %b, ptr %b.at
  store i64 %c, ptr %c.at
  store i64 %d, ptr %d.at
  %posted = call i32 @sem_post(ptr %k.slot)
  %k.next = add i64 %k, 1
  br label %ask
here:
  %failed.here = call i32 %work(i64 %a, i64 %b, i64 %c, i64 %d)
  br label %look
look:
  %j = phi i64 [ 1, %here ], [ %j.next, %ended ]
  %failed = phi i32 [ %failed.here, %here ], [ %failed.any, %ended ]
  %is_other = icmp sle i64 %j, %threads
  br i1 %is_other, label %take_back, label %end
take_back:  ; from a thread that has not begun
  %slot = getelementptr [{SLOT} x i8], ptr %pool, i64 %j
  %done = getelementptr i8, ptr %slot, i64 64
  %failed.at = getelementptr i64, ptr %slot, i64 21
  %status.take = call i32 @sem_trywait(ptr %slot)
  %is_back = icmp eq i32 %status.take, 0
  br i1 %is_back, label %ended, label %there
there:
  call void @await(ptr %done)
  %failed.there = load i32, ptr %failed.at
  br label %ended
ended:
  %failed.other = phi i32 [ 0, %take_back ], [ %failed.there, %there ]
  %failed.any = or i32 %failed, %failed.other
  %j.next = add i64 %j, 1
  br label %look
end:
  store atomic i64 0, ptr %pool release, align 8
  ret i32 %failed
}}

; The parts of a kernel in turn, as a plan of the pool has it.
define i32 @symgrad_run(ptr %table, ptr %sizes, ptr %plan) {{
  %counter = alloca i64
  %pool = load ptr, ptr %plan
  %part.at = getelementptr i64, ptr %plan, i64 2
  %number.at = getelementptr i64, ptr %plan, i64 3
  %others.at = getelementptr i64, ptr %plan, i64 4
  %part = load ptr, ptr %part.at
  %number = load i64, ptr %number.at
  %a = ptrtoint ptr %table to i64
  %b = ptrtoint ptr %sizes to i64
  %d = ptrtoint ptr %counter to i64
  br label %next
next:
  %k = phi i64 [ 0, %0 ], [ %k.next, %run ]
  %failed = phi i32 [ 0, %0 ], [ %failed.any, %run ]
  %is_left = icmp ult i64 %k, %number
  br i1 %is_left, label %run, label %end
run:
  store i64 0, ptr %counter
  %k.at = getelementptr i64, ptr %others.at, i64 %k
  %others = load i64, ptr %k.at
  %failed.k = call i32 @symgrad_share(ptr %pool, i64 %others, ptr %part, i64 %a, i64 %b, i64 %k, i64 %d)
  %failed.any = or i32 %failed, %failed.k
  %k.next = add i64 %k, 1
  br label %next
end:
  ret i32 %failed
}}
"""
