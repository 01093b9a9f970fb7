//! The code that unwind rules are known for.
//!
//! The `unsafe` here reads what the dynamic loader reports about modules that can't be unloaded.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ops::Range;

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, NativeEndian, ParsedEhFrameHdr,
    Register, RegisterRule, UnwindContext, UnwindContextStorage, UnwindSection, UnwindTableRow,
    X86_64,
};

use super::rule::{CfaBase, Rule};

type Section = EndianSlice<'static, NativeEndian>;

/// The modules of the process that are there for good: the executable, the C library, and the one with this code.
///
/// A library that came by `dlopen` may go and another take its addresses, which would make the cached rules wrong
/// without notice. So a stack that passes through one is left to the platform's unwinder.
pub(super) struct Modules(Vec<Module>);

struct Module {
    code: Vec<Range<usize>>,
    /// Whether it is the C library, and only that.
    is_c_library: bool,
    header: ParsedEhFrameHdr<Section>,
    frames: EhFrame<Section>,
    bases: BaseAddresses,
}

/// Room for the rules of one call site, on the stack, so that a cache miss allocates nothing. What needs more than this
/// is odd; compilers stay far below.
struct OnStack;

impl UnwindContextStorage<usize> for OnStack {
    type Rules = [(Register, RegisterRule<usize>); 32];
    type Stack = [UnwindTableRow<usize, Self>; 4];
}

impl Modules {
    /// Asks the dynamic loader. Allocates.
    pub(super) fn load() -> Self {
        let mut modules = Self(Vec::new());
        // SAFETY: `add_module` has the type that `dl_iterate_phdr` wants, gets `modules` as its data and doesn't
        // unwind: its only panic is running out of memory.
        unsafe {
            libc::dl_iterate_phdr(Some(add_module), (&raw mut modules).cast());
        }
        modules
    }

    /// The rule of a return address.
    pub(super) fn rule(&self, return_address: usize) -> Rule {
        // The call, not what follows it: that may be another function, or a row of other rules.
        let call = return_address.wrapping_sub(1);
        self.module(call)
            .and_then(|module| module.rule(call))
            .unwrap_or(Rule::Odd)
    }

    /// Whether a return address is in a C library of its own file.
    pub(super) fn is_in_c_library(&self, return_address: usize) -> bool {
        self.module(return_address.wrapping_sub(1))
            .is_some_and(|module| module.is_c_library)
    }

    fn module(&self, address: usize) -> Option<&Module> {
        self.0
            .iter()
            .find(|module| module.code.iter().any(|code| code.contains(&address)))
    }
}

impl Module {
    fn rule(&self, address: usize) -> Option<Rule> {
        let fde = self
            .header
            .table()?
            .fde_for_address(
                &self.frames,
                &self.bases,
                address as u64,
                EhFrame::cie_from_offset,
            )
            .ok()?;
        if fde.is_signal_trampoline() || fde.cie().return_address_register() != X86_64::RA {
            return None;
        }
        let mut context = UnwindContext::<usize, OnStack>::new_in();
        let row = fde
            .unwind_info_for_address(&self.frames, &self.bases, &mut context, address as u64)
            .ok()?;
        rule_of_row(row)
    }
}

fn rule_of_row(row: &UnwindTableRow<usize, OnStack>) -> Option<Rule> {
    match row.register(X86_64::RA)? {
        RegisterRule::Undefined => return Some(Rule::End),
        RegisterRule::Offset(-8) => {}
        _ => return None,
    }
    // The caller's stack pointer is the CFA, unless said otherwise.
    if !matches!(
        row.register(X86_64::RSP),
        None | Some(RegisterRule::ValOffset(0))
    ) {
        return None;
    }
    let CfaRule::RegisterAndOffset { register, offset } = *row.cfa() else {
        return None;
    };
    let base = match register {
        X86_64::RSP => CfaBase::StackPointer,
        X86_64::RBP => CfaBase::FramePointer,
        _ => return None,
    };
    let saved_frame_pointer = match row.register(X86_64::RBP) {
        None | Some(RegisterRule::SameValue) => None,
        Some(RegisterRule::Offset(offset)) => Some(offset),
        Some(_) => return None,
    };
    Some(Rule::Frame {
        base,
        cfa_offset: offset,
        saved_frame_pointer,
    })
}

/// Adds one module to the `Modules` behind `data`.
unsafe extern "C" fn add_module(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    data: *mut c_void,
) -> libc::c_int {
    // SAFETY: `Modules::load` passes its own `Modules`, which nothing else refers to meanwhile.
    let modules = unsafe { &mut *data.cast::<Modules>() };
    // SAFETY: the loader keeps `info` alive during the call.
    let info = unsafe { &*info };
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: the loader says how many headers there are; they are part of the mapped module.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let base = info.dlpi_addr as usize;
    // SAFETY: the headers are those of the module mapped at `base`.
    if let Some(module) = unsafe { read_module(base, headers) } {
        modules.0.push(module);
    }
    0
}

/// # Safety
///
/// `headers` must be the program headers of a module that is mapped with its addresses moved by `base`.
unsafe fn read_module(base: usize, headers: &[libc::Elf64_Phdr]) -> Option<Module> {
    let segment = |header: &libc::Elf64_Phdr| {
        let start = base.wrapping_add(header.p_vaddr as usize);
        start..start.wrapping_add(header.p_memsz as usize)
    };
    let loaded = || {
        headers
            .iter()
            .filter(|header| header.p_type == libc::PT_LOAD)
    };
    let is_loaded_at = |address: usize| loaded().any(|header| segment(header).contains(&address));
    let has_rust = rust_addresses().into_iter().any(is_loaded_at);
    let has_c_library = c_library_addresses().into_iter().any(is_loaded_at);
    if !has_rust && !has_c_library {
        return None;
    }
    let unwind_header = headers
        .iter()
        .find(|header| header.p_type == libc::PT_GNU_EH_FRAME)
        .map(segment)?;
    // From an address to the end of the readable segment around it.
    let section_at = |start: usize| {
        loaded()
            .filter(|header| header.p_flags & libc::PF_R != 0)
            .map(segment)
            .find(|segment| segment.contains(&start))
            .map(|segment| {
                // SAFETY: a readable segment of a module that is mapped for good, see `rust_addresses` and
                // `c_library_addresses`; the sections read here are in segments that nobody writes to.
                let bytes = unsafe {
                    std::slice::from_raw_parts(
                        std::ptr::with_exposed_provenance::<u8>(start),
                        segment.end - start,
                    )
                };
                EndianSlice::new(bytes, NativeEndian)
            })
    };
    // The sections' own addresses are the mapped ones, so that the addresses found in them are too.
    let bases = BaseAddresses::default().set_eh_frame_hdr(unwind_header.start as u64);
    let header = EhFrameHdr::from(section_at(unwind_header.start)?)
        .parse(&bases, size_of::<usize>() as u8)
        .ok()?;
    header.table()?;
    let frames_start = header.eh_frame_ptr().direct().ok()? as usize;
    Some(Module {
        code: loaded()
            .filter(|header| header.p_flags & libc::PF_X != 0)
            .map(segment)
            .collect(),
        is_c_library: !has_rust,
        header,
        frames: EhFrame::from(section_at(frames_start)?),
        bases: bases.set_eh_frame(frames_start as u64),
    })
}

/// An address each in this very module and in the executable, neither of which can be unloaded.
fn rust_addresses() -> [usize; 2] {
    // SAFETY: `getauxval` has no preconditions.
    let entry_point = unsafe { libc::getauxval(libc::AT_ENTRY) } as usize;
    [Modules::load as fn() -> Modules as usize, entry_point]
}

/// Addresses in the C library, in its threads, which used to be a library of their own, and in what the kernel maps
/// into every process for it (0 if it maps nothing). This code is linked against them, so they can't be unloaded
/// either.
fn c_library_addresses() -> [usize; 3] {
    // The address of a function may be that of a stub in the executable; that of a string is the library's own.
    #[cfg(target_env = "gnu")]
    // SAFETY: no preconditions.
    let string = unsafe { libc::gnu_get_libc_version() }.addr();
    #[cfg(not(target_env = "gnu"))]
    let string = libc::exit as *const () as usize;
    // SAFETY: `getauxval` has no preconditions.
    let kernel = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } as usize;
    [string, libc::pthread_create as *const () as usize, kernel]
}
